#version 330
// The colour of a person's skin, once for all pictures: over the front of the face, as the maps of paint.py are.
uniform sampler2D noise_map;
uniform vec2 seed;
uniform sampler2D first_map;   // lips, brows, lids, below the eyes
uniform sampler2D second_map;  // cheeks, beard, moustache, lines
uniform vec4 map_window;       // left, bottom, 1 / width, 1 / height
uniform vec3 skin;
uniform vec3 lip_colour;
uniform vec3 brow_colour;
uniform vec3 beard_colour;
uniform float strands;
uniform vec3 shadow_colour;    // make-up
uniform vec3 mole_places[6];    // x, y, 1 / square of the radius
uniform float redness, pores, freckles, blotches, age_lines, shine, eye_shadow, eye_rings, lip_stick, lower_lip, lip_shine;
uniform float mouth_line;      // height of where the lips meet
uniform vec4 brow;             // thickness, density, height, tilt
uniform vec4 beard;            // stubble, moustache, goatee, beard

in vec2 uv;
out vec4 colour;

vec4 noise(vec2 p) { return textureLod(noise_map, p + seed, 0.0) - 0.5; }

void main() {
    vec2 at = map_window.xy + uv / map_window.zw;
    vec4 one = texture(first_map, uv), two = texture(second_map, uv);
    vec4 coarse = noise(at * 0.009), middle = noise(at * 0.035), fine = noise(at * 0.16);

    vec3 albedo = skin * (1.0 + blotches * (0.8 * coarse.x + 0.5 * middle.y) + 0.25 * pores * fine.x);
    albedo *= 1.0 + vec3(0.02, -0.03, -0.035) * 4.0 * blotches * middle.z;
    float red = redness * clamp(two.x * (0.8 + 1.2 * middle.w), 0.0, 1.0);
    albedo = mix(albedo, albedo * vec3(1.12, 0.78, 0.76), red);
    albedo = mix(albedo, albedo * vec3(0.74, 0.62, 0.66), eye_rings * one.w);
    if (freckles > 0.0) {
        float spots = smoothstep(0.10, 0.22, noise(at * 0.11 + 0.37).y) * (0.3 + two.x);
        albedo = mix(albedo, albedo * vec3(0.62, 0.47, 0.40), freckles * clamp(spots, 0.0, 1.0));
    }
    float mole = 0.0;
    for (int i = 0; i < 6; i++) {
        vec2 off = at - mole_places[i].xy;
        mole = max(mole, clamp(2.0 - 2.0 * dot(off, off) * mole_places[i].z, 0.0, 1.0));
    }
    albedo = mix(albedo, albedo * vec3(0.35, 0.25, 0.22), mole * 0.85);
    albedo = mix(albedo, albedo * vec3(0.80, 0.72, 0.70), age_lines * two.w);
    albedo = mix(albedo, shadow_colour, eye_shadow * one.z * 0.8);

    // Lips: darker and redder where they are full, with fine upright lines.
    float upright = noise(vec2(at.x * 0.25, at.y * 0.02)).y;
    vec3 lip = mix(lip_colour * (1.0 + 0.5 * upright + 0.6 * coarse.x), lip_colour, lip_stick * 0.7);
    lip *= 1.0 + lower_lip * smoothstep(0.0, 0.5, mouth_line - at.y);
    albedo = mix(albedo, lip, one.x * (0.62 + 0.38 * lip_stick));

    // Beard: a shade of roots, and hairs.
    float hairs = strands * noise(vec2(at.x * 0.30, at.y * 0.11)).x;
    float tufts = 0.0;
    if (beard.x > 0.0) {
        float jaw = max(two.y, two.z);
        float goatee = two.y * (1.0 - smoothstep(0.6, 1.0, length((at - vec2(0.0, -6.0)) / vec2(2.7, 3.0))));
        float full = max(max(beard.w * two.y, beard.y * two.z), beard.z * max(goatee, two.z));
        albedo = mix(albedo, beard_colour * 0.6 + albedo * 0.25, beard.x * jaw * clamp(0.55 + 1.4 * hairs, 0.0, 1.0));
        tufts = clamp(full * 1.7 - 0.45 + 1.5 * hairs * (1.0 - full * 0.5), 0.0, 1.0) * step(0.02, full);
        albedo = mix(albedo, beard_colour * (1.0 + 1.3 * hairs), tufts);
    }

    // Brows: hairs along their way, which lean outwards and up.
    vec2 brow_place = at - vec2(0.0, brow.z + brow.w * (abs(at.x) - 3.5) * 0.35);
    float along = texture(first_map, (brow_place - map_window.xy) * map_window.zw).y;
    vec2 lean = vec2(abs(at.x) * 0.10 + at.y * 0.06, at.y * 0.22 - abs(at.x) * 0.16);
    float strokes = noise(lean).w + 0.4 * fine.y;
    float reach = 1.0 - 0.5 * brow.x;
    float inside = smoothstep(reach - 0.10, reach + 0.30, along + 0.25 * strokes) * smoothstep(0.0, 0.10, along);
    albedo = mix(albedo, brow_colour * (1.0 + 0.8 * strokes), clamp(inside * (0.35 + 0.75 * brow.y) * (1.0 + 0.9 * strokes), 0.0, 1.0));

    // How it shines, and the colour, as roots: eight bits are finer where it is dark.
    float gloss = shine * (0.55 + 0.45 * two.x + 0.8 * one.x * (0.4 + lip_stick)) * (1.0 - 0.8 * tufts) + lip_shine * one.x;
    colour = vec4(sqrt(clamp(albedo, 0.0, 1.0)), clamp(gloss * 0.5, 0.0, 1.0));
}
