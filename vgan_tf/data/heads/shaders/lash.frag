uniform vec3 lash_colour;
uniform float strength;
void main() {
    // more.x: how far from the lid, 1 at the tips
    float hairs = 0.75 + 1.5 * noise(vec2(at.x * 0.45, 0.0)).x;
    float upper = smoothstep(3.0, 3.7, at.y);
    float a = clamp(strength * hairs * (1.0 - more.x) * mix(0.3, 1.0, upper), 0.0, 1.0);
    colour = vec4(lash_colour * ambient(vec3(0.0, 1.0, 0.0)) * 0.5 * a, a);
}
