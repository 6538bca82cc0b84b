#version 330
// Poses the head: all above the neck turns, what is below stays.
uniform mat4 projection;
uniform mat3 turn;
uniform vec3 pivot;
uniform float follows; // 1: turns with the head; 0: stays; 2: as its height says
in vec3 position;
in vec3 normal;
in vec3 place;   // of the neutral model
in vec4 extra;   // skin: light that reaches it, see hair.roots; hair: see hair.mesh; pieces: colour, shine
out vec3 world;
out vec3 facing;
out vec3 at;
out vec3 raw;
out vec4 more;
void main() {
    float share = follows > 1.5 ? smoothstep(-17.0, -6.0, position.y) : follows;
    world = mix(position, turn * (position - pivot) + pivot, share);
    facing = mix(normal, turn * normal, share);
    at = place;
    raw = position;
    more = extra;
    gl_Position = projection * vec4(world, 1.0);
}
