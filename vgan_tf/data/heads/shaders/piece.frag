uniform float opacity;
void main() {
    // more: colour, shine
    vec3 n = normalize(facing), to_eye = normalize(eye_point - world);
    if (dot(n, to_eye) < 0.0) n = -n;
    vec3 light = ambient(n), gloss = vec3(0.0);
    float first = lit();
    for (int i = 0; i < lights; i++) {
        float arrives = i == 0 ? first : 1.0;
        light += light_colour[i] * clamp((dot(n, light_direction[i]) + 0.1) / 1.1, 0.0, 1.0) * arrives;
        float h = clamp(dot(n, normalize(light_direction[i] + to_eye)), 0.0, 1.0);
        gloss += light_colour[i] * (0.25 * pow(h, 12.0) + pow(h, 60.0)) * arrives;
    }
    // A lens shows what is behind it, and reflects lights.
    colour = vec4(more.rgb * light * opacity + more.a * gloss * (opacity < 1.0 ? 0.25 : 0.5), opacity);
}
