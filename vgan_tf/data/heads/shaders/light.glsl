#version 330
uniform vec3 eye_point;      // of the camera
uniform int lights;
uniform vec3 light_direction[3];
uniform vec3 light_colour[3];
uniform vec3 sky;
uniform vec3 ground;
uniform float shadow;
uniform mat4 to_shadow;
uniform sampler2D shadow_map;
uniform sampler2D noise_map;
uniform vec2 seed;
in vec3 world;
in vec3 facing;
in vec3 at;
in vec3 raw;
in vec4 more;
out vec4 colour;

vec4 noise(vec2 p) { return textureLod(noise_map, p + seed, 0.0) - 0.5; }

// A little finer than pixels can show.
vec4 near_noise(vec2 p) { return texture(noise_map, p + seed, -1.0) - 0.5; }

vec3 ambient(vec3 n) { return mix(ground, sky, n.y * 0.5 + 0.5); }

// Share of the first light that arrives: the mean of four comparisons.
float lit() {
    if (shadow <= 0.0) return 1.0;
    vec3 in_shadow = (to_shadow * vec4(world, 1.0)).xyz * 0.5 + 0.5;
    float sum = 0.0;
    for (int i = 0; i < 4; i++) {
        vec2 corner = vec2(i % 2, i / 2) - 0.5;
        sum += clamp((texture(shadow_map, in_shadow.xy + corner * 0.010).r - in_shadow.z + 0.012) * 400.0 + 0.5, 0.0, 1.0);
    }
    return 1.0 - shadow * (1.0 - sum / 4.0);
}
