uniform sampler2D first_map;   // lips, brows, lids, below the eyes
uniform sampler2D second_map;  // cheeks, beard, moustache, lines
uniform vec4 map_window;       // left, bottom, 1 / width, 1 / height
uniform vec3 skin;
uniform vec3 lip_colour;
uniform vec3 brow_colour;
uniform vec3 beard_colour;
uniform vec3 shadow_colour;    // make-up
uniform vec3 mole_places[6];    // x, y, 1 / square of the radius
uniform float redness, pores, freckles, blotches, age_lines, shine, eye_shadow, eye_rings, lip_stick;
uniform vec4 brow;             // thickness, density, height, tilt
uniform vec4 beard;            // stubble, moustache, goatee, beard
uniform float scalp;           // hair roots on the scalp
uniform float hairline;
uniform vec3 root_colour;

void main() {
    vec2 flat_place = at.xy + vec2(0.0, at.z * 0.35);
    vec2 uv = (at.xy - map_window.xy) * map_window.zw;
    float front = smoothstep(1.5, 4.0, at.z);
    vec4 one = texture(first_map, uv) * front, two = texture(second_map, uv) * front;
    vec4 coarse = noise(flat_place * 0.009), middle = noise(flat_place * 0.035), fine = noise(flat_place * 0.16);

    vec3 albedo = skin * (1.0 + blotches * (0.8 * coarse.x + 0.5 * middle.y) + 0.25 * pores * fine.x);
    albedo *= 1.0 + vec3(0.02, -0.03, -0.035) * 4.0 * blotches * middle.z;
    float ears = smoothstep(7.2, 8.2, abs(at.x)) * smoothstep(-2.0, 0.5, at.y) * (1.0 - smoothstep(5.0, 6.5, at.y));
    float red = redness * clamp(two.x * (0.8 + 1.2 * middle.w) + 0.7 * ears, 0.0, 1.0);
    albedo = mix(albedo, albedo * vec3(1.12, 0.78, 0.76), red);
    albedo = mix(albedo, albedo * vec3(0.74, 0.62, 0.66), eye_rings * one.w);
    if (freckles > 0.0) {
        float spots = smoothstep(0.10, 0.22, noise(flat_place * 0.11 + 0.37).y) * (0.3 + two.x);
        albedo = mix(albedo, albedo * vec3(0.62, 0.47, 0.40), freckles * clamp(spots, 0.0, 1.0));
    }
    float mole = 0.0;
    for (int i = 0; i < 6; i++) {
        vec2 off = at.xy - mole_places[i].xy;
        mole = max(mole, front * clamp(2.0 - 2.0 * dot(off, off) * mole_places[i].z, 0.0, 1.0));
    }
    albedo = mix(albedo, albedo * vec3(0.35, 0.25, 0.22), mole * 0.85);
    albedo = mix(albedo, albedo * vec3(0.80, 0.72, 0.70), age_lines * two.w);
    albedo = mix(albedo, shadow_colour, eye_shadow * one.z * 0.8);

    // Lips: darker and redder where they are full, with fine upright lines.
    float upright = noise(vec2(at.x * 0.25, at.y * 0.02)).y;
    vec3 lip = mix(lip_colour * (1.0 + 0.5 * upright + 0.6 * coarse.x), lip_colour, lip_stick * 0.7);
    albedo = mix(albedo, lip, one.x * (0.62 + 0.38 * lip_stick));

    // Beard: a shade of roots, and hairs.
    float hairs = noise(vec2(at.x * 0.30, at.y * 0.11 + at.z * 0.1)).x;
    float tufts = 0.0;
    if (beard.x > 0.0) {
        float jaw = max(two.y, two.z);
        float goatee = two.y * (1.0 - smoothstep(1.5, 2.4, abs(at.x)));
        float full = max(max(beard.w * two.y, beard.y * two.z), beard.z * max(goatee, two.z));
        albedo = mix(albedo, beard_colour * 0.6 + albedo * 0.25, beard.x * jaw * clamp(0.55 + 1.4 * hairs, 0.0, 1.0));
        tufts = clamp(full * 1.7 - 0.45 + 1.5 * hairs * (1.0 - full * 0.5), 0.0, 1.0) * step(0.02, full);
        albedo = mix(albedo, beard_colour * (1.0 + 1.3 * hairs), tufts);
    }

    // Brows: hairs along their way, which lean outwards and up.
    vec2 brow_place = at.xy - vec2(0.0, brow.z + brow.w * (abs(at.x) - 3.5) * 0.35);
    float along = texture(first_map, (brow_place - map_window.xy) * map_window.zw).y * front;
    vec2 lean = vec2(abs(at.x) * 0.10 + at.y * 0.06, at.y * 0.22 - abs(at.x) * 0.16);
    float strokes = noise(lean).w + 0.4 * fine.y;
    float reach = 1.0 - 0.5 * brow.x;
    float inside = smoothstep(reach - 0.10, reach + 0.30, along + 0.25 * strokes);
    albedo = mix(albedo, brow_colour * (1.0 + 0.8 * strokes), clamp(inside * (0.35 + 0.75 * brow.y) * (1.0 + 0.9 * strokes), 0.0, 1.0));

    // Roots of the hair.
    if (at.y > -6.0 && (at.z < 8.5 || at.y > 7.0)) {
        float around = atan(abs(at.x), at.z + 1.0);
        float line_height = 9.5 + hairline * (1.0 - smoothstep(0.7, 1.08, around));
        line_height = mix(line_height, 7.4, smoothstep(0.5, 0.87, around));
        line_height = mix(line_height, 2.6, smoothstep(0.87, 1.12, around));
        line_height = mix(line_height, 3.4, smoothstep(1.3, 1.66, around));
        line_height = mix(line_height, -0.4, smoothstep(1.75, 2.1, around));
        line_height = mix(line_height, -4.6, smoothstep(2.1, 3.0, around));
        float rooted = smoothstep(-0.2, 1.0, at.y - line_height + 2.0 * middle.x) * (1.0 - step(7.9, abs(at.x)) * step(at.y, 4.6));
        albedo = mix(albedo, root_colour * 0.8 + albedo * 0.12, scalp * rooted * clamp(0.85 + hairs, 0.0, 1.0));
    }

    // Bumps, from the slope of a height on the screen.
    float height = 0.020 * pores * fine.z + 0.010 * pores * middle.x - 0.06 * age_lines * two.w + 0.012 * one.x * upright
        + 0.03 * tufts * hairs;
    vec3 across = dFdx(world), down = dFdy(world), n = normalize(facing);
    vec3 r1 = cross(down, n), r2 = cross(n, across);
    float area = dot(across, r1);
    vec3 slope = sign(area) * (dFdx(height) * r1 + dFdy(height) * r2);
    n = normalize(abs(area) * n - slope + 1e-9 * n);

    vec3 to_eye = normalize(eye_point - world);
    if (dot(n, to_eye) < 0.0 && dot(facing, to_eye) < 0.0) n = -n;
    float open = more.x;
    vec3 light = ambient(n) * open * mix(vec3(1.0), vec3(1.05, 0.97, 0.95), 1.0 - open);
    vec3 gloss = vec3(0.0);
    float smooth_skin = shine * (0.55 + 0.45 * two.x + 0.8 * one.x * (0.4 + lip_stick)) * (1.0 - 0.8 * tufts);
    float aside = 1.0 - clamp(dot(n, to_eye), 0.0, 1.0);
    aside *= aside;
    for (int i = 0; i < 3; i++) {
        vec3 to_light = light_direction[i];
        float arrives = (i == 0 ? lit() : 1.0) * (0.45 + 0.55 * open);
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
    colour = vec4(albedo * light + gloss * smooth_skin, 1.0);
}
