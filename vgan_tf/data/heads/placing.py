"""Where heads, cameras and lights are: rotations and projections."""

import numpy as np

PIVOT = np.array([0.0, -8.0, 0.0], np.float32)  # about which a head turns
MIDDLE = np.array([0.0, 2.2, 4.0], np.float32)  # of a head: what the camera looks at
HEIGHT = 30.0  # cm that a picture shows at scale 1


def turning(motion):
    """The rotation of a head: float32 `(3, 3)`."""
    yaw, pitch, roll = np.deg2rad([motion.yaw, -motion.pitch, -motion.roll])
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return (about_z @ about_y @ about_x).astype(np.float32)


def camera(nuisance, turn):
    """(projection and view, float32 `(4, 4)`; where the camera is, float32 `(3,)`)."""
    half = np.tan(np.deg2rad(nuisance.view_angle) / 2)
    distance = HEIGHT / 2 / nuisance.scale / half
    middle = turn @ (MIDDLE - PIVOT) + PIVOT
    down = np.deg2rad(nuisance.camera_height)
    eye = middle + distance * np.array([0, np.sin(down), np.cos(down)])
    near, far = distance - 40, distance + 60
    near = max(near, 1.0)
    rotation = np.array([[1, 0, 0], [0, np.cos(down), -np.sin(down)], [0, np.sin(down), np.cos(down)]])
    view = np.eye(4)
    view[:3, :3], view[:3, 3] = rotation, -rotation @ eye
    lens = np.zeros((4, 4))
    lens[0, 0] = lens[1, 1] = 1 / half
    lens[2, 2:] = (far + near) / (near - far), 2 * far * near / (near - far)
    lens[3, 2] = -1
    # Of the whole picture, so in clip coordinates twice the share.
    lens[0, 2], lens[1, 2] = -2 * nuisance.shift_x, 2 * nuisance.shift_y
    return (lens @ view).astype(np.float32), eye.astype(np.float32)


def lights(nuisance):
    """Directions and colours of three lights: float32 `(3, 3)` each; colours of those not there are 0."""
    directions, colours = np.tile(np.float32([0, 0, 1]), (3, 1)), np.zeros((3, 3), np.float32)
    for row, light in enumerate(nuisance.lights[:3]):
        directions[row] = np.asarray(light.direction) / np.linalg.norm(light.direction)
        colours[row] = np.asarray(light.colour) * light.strength
    return directions, colours


def shadow_view(direction, turn):
    """A parallel projection along a light that holds the head: float32 `(4, 4)`."""
    x, y, z = forward = np.asarray(direction, np.float64)
    side = np.array([z, 0.0, -x] if abs(y) < 0.95 else [0.0, -z, y])
    side /= np.sqrt(side @ side)
    up = np.array([y * side[2] - z * side[1], z * side[0] - x * side[2], x * side[1] - y * side[0]])
    middle, radius = turn @ (MIDDLE - PIVOT) + PIVOT - (0, 2, 2), 19.0
    view = np.eye(4)
    view[:3, :3] = np.stack([side, up, -forward]) / radius
    view[:3, 3] = -view[:3, :3] @ middle
    return view.astype(np.float32)
