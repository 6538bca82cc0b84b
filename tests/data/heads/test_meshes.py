"""Normals, order and parts of meshes."""

import numpy as np
import pytest

from vgan_tf.data.heads.meshes import Normals, in_order, within


def test_normals_are_means_over_the_triangles_of_a_vertex_weighted_by_their_size():
    # A floor, and a wall of twice its size, that meet in an edge; the last vertex is of no triangle.
    positions = np.array([(0, 0, 0), (0, 0, 1), (1, 0, 0), (0, 2, 0), (9, 9, 9)], np.float32)
    triangles = np.array([(0, 1, 2), (0, 3, 1)])
    normals = Normals(triangles).of(positions)
    mean = np.array([2, 1, 0]) / np.sqrt(5)
    assert normals.dtype == np.float32
    np.testing.assert_allclose(normals, [mean, mean, (0, 1, 0), (1, 0, 0), (0, 0, 0)], atol=1e-6)
    others = np.full((5, 3), 7, np.float32)
    assert Normals(triangles[:1]).of(positions, others) is others
    np.testing.assert_allclose(others, [(0, 1, 0)] * 3 + [(7, 7, 7)] * 2)


def test_order_keeps_each_triangle_and_brings_neighbours_together():
    places = np.random.default_rng(0).uniform(-20, 20, (3000, 3))
    triangles = np.arange(3000).reshape(-1, 3)
    places[triangles[:, 1:]] = places[triangles[:, :1]]
    ordered = in_order(triangles, places)
    assert sorted(map(tuple, ordered)) == sorted(map(tuple, triangles))

    def way(triangles):
        return np.linalg.norm(np.diff(places[triangles[:, 0]], axis=0), axis=1).mean()

    assert way(ordered) < 0.4 * way(triangles)


@pytest.mark.parametrize("ranges, left", [((slice(0, 3),), [0]), ((slice(0, 3), slice(6, 9)), [0, 2])])
def test_within_keeps_the_triangles_of_parts(ranges, left):
    triangles = np.arange(9).reshape(-1, 3)
    np.testing.assert_array_equal(within(triangles, *ranges), triangles[left])
