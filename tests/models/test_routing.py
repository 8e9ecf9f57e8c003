"""The choices of tokens and their places, on examples that can be followed by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.drawn import assert_close, draw, jit

from kscale.models import ModelConfig, routing
from kscale.models.routing import capacity, limit, own_room

route = jit(routing.route, static_argnums=1)
place_in_buffers = jit(routing.place_in_buffers, static_argnums=1)
place_in_blocks = jit(routing.place_in_blocks, static_argnums=(1, 2))
count_routes, balance = jit(routing.count_routes), jit(routing.balance)
# Tokens 0 and 2 choose expert 0, then 1; token 1 chooses 1, then 0. None chooses 2.
THREE = jnp.log(jnp.asarray([[[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.5, 0.4, 0.1]]]))


def test_first_choices_come_before_second():
    routes = route(THREE, 2)
    np.testing.assert_array_equal(routes.expert[0], [[0, 1, 0], [1, 0, 1]])
    # Expert 0: tokens 0, 2 first, then token 1. Expert 1: token 1, then 0, 2.
    np.testing.assert_array_equal(routes.rank[0], [[0, 0, 1], [1, 2, 2]])
    np.testing.assert_array_equal(routes.asked, [[3, 3, 0]])
    np.testing.assert_allclose(
        routes.gate[0], [[6 / 9, 7 / 9, 5 / 9], [3 / 9, 2 / 9, 4 / 9]], rtol=1e-6
    )


def test_room_for_two_in_buffers_and_in_blocks_of_three():
    routes = route(THREE, 2)
    places = place_in_buffers(routes, 2)
    # Two places each: 0, 1 of expert 0; 2, 3 of expert 1; 4, 5 of expert 2. 6: dropped.
    np.testing.assert_array_equal(places.place, [[0, 2, 1], [3, 6, 6]])
    np.testing.assert_array_equal(places.choice, [0, 2, 1, 3, 6, 6])
    assert float(count_routes(THREE, routes, 2)["dropped"]) == 2
    places = place_in_blocks(routes, 2, 3)
    # Two of expert 0, a free place, two of expert 1; six choices need at most 4 blocks.
    np.testing.assert_array_equal(places.place, [[0, 3, 1], [4, 12, 12]])
    np.testing.assert_array_equal(places.choice, [0, 2, 6, 1, 3] + [6] * 7)
    np.testing.assert_array_equal(places.expert[:2], [0, 1])
    assert places.parts == 4


def test_one_choice_keeps_its_probability_and_the_batch_its_order():
    routes = route(THREE, 1)
    np.testing.assert_allclose(routes.gate[0], [[0.6, 0.7, 0.5]], rtol=1e-6)
    np.testing.assert_array_equal(place_in_buffers(routes, 1).place, [[0, 1, 3]])
    # Groups do not compete.
    both = jnp.concatenate([THREE, THREE])
    places = place_in_buffers(route(both, 1), 1)
    # Two places of each expert, one for each group.
    np.testing.assert_array_equal(places.place, [[0, 2, 6, 1, 3, 6]])


def test_equal_probabilities_choose_the_lowest():
    routes = route(jnp.zeros((1, 2, 4)), 2)
    np.testing.assert_array_equal(routes.expert[0], [[0, 0], [1, 1]])
    np.testing.assert_array_equal(routes.gate, np.full((1, 2, 2), 0.5))


@pytest.mark.parametrize("size", [None, 1, 4])
@pytest.mark.parametrize("top_k", [1, 2])
@pytest.mark.parametrize("room", [0, 2, 8])
def test_every_choice_with_room_has_a_place_of_its_expert(size, top_k, room):
    routes = route(draw(jnp.zeros((3, 8, 5)), std=2.0), top_k)
    place = place_in_blocks if size else place_in_buffers
    places = jax.device_get(place(routes, room, *([size] if size else [])))
    rank, expert = (
        np.asarray(x).swapaxes(0, 1).reshape(top_k, -1)
        for x in (routes.rank, routes.expert)
    )
    kept, total = rank < room, len(places.choice)
    assert (places.place[~kept] == total).all()
    place = places.place[kept]
    assert len(np.unique(place)) == kept.sum()
    of_part = np.arange(5) if places.expert is None else places.expert
    part = place // (total // places.parts)
    np.testing.assert_array_equal(of_part[part], expert[kept])
    np.testing.assert_array_equal(places.choice[place], np.flatnonzero(kept))
    assert (places.choice == kept.size).sum() == total - kept.sum()


def test_capacity_by_hand():
    for tokens, experts, top_k, factor, room in (
        (512, 32, 1, 2.0, 32),
        (512, 32, 2, 1.0, 32),
        (512, 32, 2, 1.5, 48),
        (10, 4, 1, 1.5, 4),  # floor(1.5 * 3)
        (10, 4, 2, 1.5, 8),
        (10, 4, 2, 8.0, 10),  # no more than there are
        (3, 4, 1, 0.5, 1),  # never none
        (3, 4, 2, 0.01, 1),
        (10, 4, 1, 0.0, 10),
    ):
        for name in ("capacity_factor", "eval_capacity_factor"):
            config = ModelConfig(experts=experts, top_k=top_k, **{name: factor})
            assert capacity(config, tokens, name == "capacity_factor") == room


# The three tokens, and the first one once more as padding.
PADDED = jnp.concatenate([THREE, THREE[:, :1]], axis=1)
COUNTED = jnp.asarray([[True, True, True, False]])


def test_padding_chooses_no_expert():
    routes, alone = route(PADDED, 2, COUNTED), route(THREE, 2)
    np.testing.assert_array_equal(routes.rank[..., :3], alone.rank)
    np.testing.assert_array_equal(routes.rank[..., 3], [[4, 4]])
    np.testing.assert_array_equal(routes.asked, alone.asked)
    for room in (2, 4):
        for place in (place_in_buffers, lambda *x: place_in_blocks(*x, 2)):
            places = place(routes, room)
            assert (np.asarray(places.place)[:, 3] == len(places.choice)).all()
            assert not np.isin(places.choice, [3, 7]).any()
    sums = count_routes(PADDED, routes, 2, COUNTED)
    assert_close(sums, count_routes(THREE, alone, 2), rtol=1e-6, atol=0)
    even = balance(PADDED, routes, COUNTED), balance(THREE, alone)
    np.testing.assert_allclose(*even, rtol=1e-6)


def test_a_group_has_the_room_of_its_own_length():
    # Of 4 experts with top-2 and factor 1: 2 ceil(3 / 4), 2 ceil(8 / 4), 2 ceil(0 / 4).
    config = ModelConfig(experts=4, top_k=2, eval_capacity_factor=1.0)
    counted = jnp.arange(8)[None] < jnp.asarray([3, 8, 0])[:, None]
    rooms = own_room(config, counted, training=False)
    np.testing.assert_array_equal(rooms, [2, 4, 0])
    logits = draw(jnp.zeros((3, 8, 4)), std=2.0)
    routes = route(logits, 2, counted)
    kept = np.asarray(limit(routes, rooms).rank < 8)
    np.testing.assert_array_equal(kept, routes.rank < np.reshape([2, 4, 0], (3, 1, 1)))
    dropped = count_routes(logits, routes, rooms, counted)["dropped"]
    assert float(dropped) == 2 * 11 - kept.sum()


def test_balance_by_hand():
    even = jnp.zeros((2, 6, 4))
    assert float(balance(even, route(even, 1))) == 1
    # Expert 0: 2 of 3 first choices at 1.3 / 3 mean probability; 1: 1 of 3 at 1.4 / 3.
    expected = 3 * (2 / 3 * 1.3 / 3 + 1 / 3 * 1.4 / 3)
    for top_k in (1, 2):
        found = balance(THREE, route(THREE, top_k))
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    certain = jnp.asarray([[[0.0, 99.0]] * 4])  # all to one of two experts
    both = jnp.concatenate([certain, jnp.zeros((1, 4, 2))])
    np.testing.assert_allclose(balance(both, route(both, 1)), (2 + 1) / 2, rtol=1e-6)


def test_sums_by_hand():
    sums = count_routes(THREE, route(THREE, 2), 3)
    assert {x.dtype for x in sums.values()} == {jnp.dtype("float32")}
    np.testing.assert_array_equal(sums["load_E"], [3, 3, 0])
    assert (sums["choices"], sums["tokens"], sums["dropped"]) == (6, 3, 0)
    probabilities = np.exp(np.asarray(THREE, np.float64))
    expected = -(probabilities * np.log(probabilities)).sum()
    np.testing.assert_allclose(sums["entropy"], expected, rtol=1e-6)
