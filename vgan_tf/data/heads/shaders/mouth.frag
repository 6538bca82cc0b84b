uniform vec3 albedo;
uniform float wet;
uniform float front;  // z of the lips in the head
void main() {
    vec3 n = normalize(facing), to_eye = normalize(eye_point - world);
    if (dot(n, to_eye) < 0.0) n = -n;
    float depth = clamp((raw.z - front + 3.2) / 2.9, 0.0, 1.0);
    float open = max(depth * depth, 0.06) * (0.25 + 0.75 * smoothstep(2.9, 1.2, abs(at.x)));
    vec3 light = ambient(n) * open, gloss = vec3(0.0);
    float first = lit();
    for (int i = 0; i < lights; i++) {
        float arrives = open * (i == 0 ? first : 1.0);
        light += light_colour[i] * clamp((dot(n, light_direction[i]) + 0.3) / 1.3, 0.0, 1.0) * arrives;
        gloss += light_colour[i] * pow(clamp(dot(n, normalize(light_direction[i] + to_eye)), 0.0, 1.0), 50.0) * arrives;
    }
    colour = vec4(albedo * light + wet * gloss, 1.0);
}
