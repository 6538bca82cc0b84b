uniform vec3 middle;        // of the ball
uniform vec3 gaze;          // where it looks, in the head
uniform vec3 eye_colour;
uniform float iris_size;
uniform float lid;          // height of the upper lid at its middle
uniform mat3 turn_normal;
void main() {
    vec3 d = normalize(raw - middle);
    float angle = acos(clamp(dot(d, gaze), -1.0, 1.0));
    float limit = 0.415 * iris_size;
    vec3 side = d - gaze * dot(d, gaze);
    float round_way = atan(side.y, side.x);
    float rays = noise(vec2(round_way * 0.16, angle * 0.08)).x;
    float r = angle / limit;
    vec3 iris = eye_colour * (0.85 + 1.2 * rays) * mix(1.2, 0.7, smoothstep(0.35, 0.95, r));
    iris += eye_colour * 0.5 * smoothstep(0.6, 0.95, -side.y / (length(side) + 1e-5)) * smoothstep(0.4, 0.7, r);
    iris *= mix(1.0, 0.25, smoothstep(0.80, 1.0, r));
    iris = mix(vec3(0.006), iris, smoothstep(0.36, 0.44, r));
    float veins = smoothstep(0.05, 0.35, noise(raw.xy * vec2(0.12, 0.35)).y) * smoothstep(0.6, 1.2, angle);
    vec3 white = mix(vec3(0.53, 0.505, 0.49), vec3(0.52, 0.30, 0.27), 0.5 * veins + 0.55 * smoothstep(0.75, 1.25, angle));
    vec3 albedo = mix(iris, white, smoothstep(0.94, 1.06, r));
    vec3 n = normalize(facing), bulge = normalize(turn_normal * mix(d, gaze, 0.45 * (1.0 - smoothstep(0.9, 1.3, r))));
    vec3 to_eye = normalize(eye_point - world);
    // The lid and its lashes shade the ball below them.
    float open = clamp((lid - raw.y) / 0.42, 0.0, 1.0);
    open = mix(0.30, 1.0, open) * mix(0.6, 1.0, smoothstep(1.5, 0.7, abs(raw.x - middle.x)));
    vec3 light = ambient(n) * open, gloss = vec3(0.0);
    float first = lit();
    for (int i = 0; i < lights; i++) {
        float arrives = (i == 0 ? first : 1.0) * open;
        light += light_colour[i] * clamp((dot(n, light_direction[i]) + 0.2) / 1.2, 0.0, 1.0) * arrives;
        float h = clamp(dot(bulge, normalize(light_direction[i] + to_eye)), 0.0, 1.0);
        gloss += light_colour[i] * (1.6 * pow(h, 260.0) + 0.05 * pow(h, 20.0)) * smoothstep(0.1, 0.35, (lid - raw.y) / 0.42);
    }
    gloss += ambient(reflect(-to_eye, bulge)) * 0.03 * open;
    colour = vec4(albedo * light + gloss, 1.0);
}
