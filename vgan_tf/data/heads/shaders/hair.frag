uniform vec3 hair_colour;
uniform float grey;
uniform float curl;
uniform float strands;
void main() {
    // more: along a strand, across strands, level of this shell (0 solid, to 1), thinness
    vec2 strand = vec2(more.y * 0.35 + curl * 0.2 * noise(at.xy * 0.03).x, more.x * mix(0.018, 0.16, curl));
    vec4 fine = strands * near_noise(strand), locks = mix(0.5, 1.0, strands) * near_noise(strand * 0.22 + 0.3);
    float there = 0.5 + 0.9 * fine.x + 0.9 * locks.y - more.z * 0.75 - more.w;
    if (more.z + more.w > 0.02 && there < 0.0) discard;
    vec3 n = normalize(facing), to_eye = normalize(eye_point - world);
    if (dot(n, to_eye) < 0.0) n = -n;
    n = normalize(n + 0.5 * vec3(locks.x + 0.6 * fine.y, locks.z, locks.w) + 0.3 * curl * vec3(fine.z, fine.w, 0.0));
    vec3 base = mix(hair_colour, vec3(0.34, 0.34, 0.35), clamp(grey * (1.0 + 1.2 * fine.w + 0.8 * locks.z), 0.0, 1.0));
    vec3 albedo = base * (0.85 + 1.0 * fine.x + 1.0 * locks.y + 0.5 * locks.x);
    float open = clamp(0.45 + 0.55 * more.z + 0.6 * locks.w + 0.25, 0.15, 1.0);
    vec3 light = ambient(n) * open, gloss = vec3(0.0);
    float first = lit();
    for (int i = 0; i < lights; i++) {
        float arrives = i == 0 ? first : 1.0;
        float cosine = dot(n, light_direction[i]);
        light += light_colour[i] * clamp((cosine + 0.25) / 1.25, 0.0, 1.0) * arrives * open;
        float h = clamp(dot(n, normalize(light_direction[i] + to_eye)), 0.0, 1.0);
        float h2 = h * h, h4 = h2 * h2, h8 = h4 * h4, h30 = h8 * h8 * h8 * h4 * h2;
        gloss += light_colour[i] * arrives * open * (0.020 + 0.12 * base) * (0.7 * h8 + 1.2 * h30 * (1.0 - 0.7 * curl));
    }
    colour = vec4(max(albedo, 0.0) * light + gloss * clamp(0.8 + 1.5 * fine.x, 0.0, 2.0), 1.0);
}
