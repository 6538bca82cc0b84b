uniform sampler2D painted;     // of the person, by paint.frag
uniform vec4 map_window;       // left, bottom, 1 / width, 1 / height
uniform vec3 skin;
uniform float redness, blotches, shine;
uniform float scalp;           // hair roots on the scalp
uniform float hairline;
uniform vec3 root_colour;

void main() {
    vec4 face = texture(painted, (at.xy - map_window.xy) * map_window.zw);
#ifdef FACE  // all of it is painted, and no hair grows there
    vec3 albedo = face.rgb * face.rgb;
    float shines = 2.0 * face.a;
#else
    vec2 flat_place = at.xy + vec2(0.0, at.z * 0.35);
    vec4 coarse = noise(flat_place * 0.009), middle = noise(flat_place * 0.035);
    vec3 albedo = skin * (1.0 + blotches * (0.8 * coarse.x + 0.5 * middle.y));
    albedo = mix(albedo, albedo * vec3(1.12, 0.78, 0.76), redness * 0.7 * more.w);
    float front = smoothstep(0.8, 2.8, at.z) * (1.0 - more.w);
    albedo = mix(albedo, face.rgb * face.rgb, front);
    float shines = mix(0.5 * shine, 2.0 * face.a, front);

    // Roots of the hair.
    float rooted = smoothstep(-0.8, 0.9, more.y - hairline * more.z + 1.5 * middle.x);
    albedo = mix(albedo, root_colour * 0.8 + albedo * 0.12, scalp * rooted * clamp(0.85 + middle.z, 0.0, 1.0));
#endif

    vec3 n = normalize(facing);
    vec3 to_eye = normalize(eye_point - world);
    float open = more.x;
    vec3 light = ambient(n) * open * mix(vec3(1.0), vec3(1.05, 0.97, 0.95), 1.0 - open);
    vec3 gloss = vec3(0.0);
    float aside = 1.0 - clamp(dot(n, to_eye), 0.0, 1.0);
    aside *= aside;
    float first = lit();
    for (int i = 0; i < lights; i++) {
        vec3 to_light = light_direction[i];
        float arrives = (i == 0 ? first : 1.0) * (0.45 + 0.55 * open);
        float cosine = dot(n, to_light);
        // Light that goes in and comes out beside softens the edge of the shade, red most.
        vec3 soft = vec3(0.30, 0.14, 0.09);
        vec3 diffuse = clamp((cosine + soft) / (1.0 + soft), 0.0, 1.0);
        diffuse *= mix(vec3(1.0), diffuse, 0.3);
        light += light_colour[i] * diffuse * arrives;
        vec3 half_way = normalize(to_light + to_eye);
        float h = clamp(dot(n, half_way), 0.0, 1.0);
        float grazing = 1.0 - clamp(dot(half_way, to_eye), 0.0, 1.0);
        float h2 = h * h, h4 = h2 * h2, h12 = h4 * h4 * h4, h48 = h12 * h12 * h12 * h12;
        float fresnel = 0.035 + 0.5 * grazing * grazing * grazing * grazing * grazing;
        float lobes = 1.3 * h12 + 2.6 * h48;
        gloss += light_colour[i] * fresnel * lobes * clamp(cosine * 2.0, 0.0, 1.0) * arrives;
    }
    gloss += ambient(reflect(-to_eye, n)) * open * (0.02 + 0.25 * aside * aside);
    colour = vec4(albedo * light + gloss * shines, 1.0);
}
