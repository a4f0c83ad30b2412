"""The queue and the rate limits: who has a turn, who waits, and who is refused."""

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.http import rate_limit
from ui.http.rate_limit import Admission, Overloaded, RateLimit, TooMany


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(rate_limit, "monotonic", clock)
    return clock


async def settle() -> None:
    """Lets every task go on until it waits."""
    for _ in range(5):
        await asyncio.sleep(0)


class Visitor:
    """A caller that waits for a turn, and holds it until `leave` is called."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._leave = asyncio.Event()
        self.state = "new"
        self.task = asyncio.create_task(self._visit())

    async def _visit(self) -> None:
        self.state = "waiting"
        try:
            async with self._admission.turn():
                self.state = "inside"
                await self._leave.wait()
            self.state = "left"
        except Overloaded:
            self.state = "refused"
        except asyncio.CancelledError:
            self.state = "cancelled"
            raise

    def leave(self) -> None:
        self._leave.set()


actions = st.lists(st.tuples(st.sampled_from(["come", "leave", "cancel", "settle"]), st.integers(0, 20)), max_size=60)


@given(workers=st.integers(1, 3), waiting=st.integers(0, 3), actions=actions)
def test_the_queue_keeps_its_limits_and_everyone_in_it_gets_a_turn(
    workers: int, waiting: int, actions: list[tuple[str, int]]
) -> None:
    async def play() -> None:
        admission = Admission(workers, waiting)
        visitors: list[Visitor] = []

        def those(state: str) -> list[Visitor]:
            return [visitor for visitor in visitors if visitor.state == state]

        for action, number in actions:
            if action == "come":
                visitors.append(Visitor(admission))
            elif action == "settle":
                await settle()
            elif action == "leave" and (inside := those("inside")):
                inside[number % len(inside)].leave()
            elif action == "cancel" and visitors:
                visitors[number % len(visitors)].task.cancel()
            assert len(those("inside")) <= workers
            assert admission.depth <= waiting
        await settle()
        assert len(those("waiting")) == admission.depth
        if those("waiting"):
            assert len(those("inside")) == workers, "a turn is free although somebody waits"
        while staying := those("inside"):
            staying[0].leave()
            await settle()
        assert {visitor.state for visitor in visitors} <= {"left", "refused", "cancelled", "new"}
        # afterwards the queue is empty: as many can enter and wait as at the beginning
        again = [Visitor(admission) for _ in range(workers + waiting + 1)]
        await settle()
        assert [visitor.state for visitor in again] == ["inside"] * workers + ["waiting"] * waiting + ["refused"]
        for visitor in again:
            visitor.task.cancel()
        await asyncio.gather(*(visitor.task for visitor in again), return_exceptions=True)
        assert admission.depth == 0

    asyncio.run(play())


def test_first_come_first_served() -> None:
    async def play() -> None:
        admission = Admission(1, 3)
        visitors = [Visitor(admission) for _ in range(4)]
        for number in range(4):
            await settle()
            states = [visitor.state for visitor in visitors]
            assert states == ["left"] * number + ["inside"] + ["waiting"] * (3 - number)
            visitors[number].leave()
        await settle()

    asyncio.run(play())


def test_a_newcomer_does_not_overtake_those_who_wait() -> None:
    async def play() -> None:
        admission = Admission(1, 2)
        first, second = Visitor(admission), Visitor(admission)
        await settle()
        first.leave()
        third = Visitor(admission)
        await settle()
        assert (first.state, second.state, third.state) == ("left", "inside", "waiting")
        second.leave()
        third.leave()
        await settle()
        assert third.state == "left"

    asyncio.run(play())


def test_the_turn_of_a_cancelled_caller_goes_to_the_next() -> None:
    async def play() -> None:
        admission = Admission(1, 2)
        first, second, third = (Visitor(admission) for _ in range(3))
        await settle()
        first.leave()
        await asyncio.sleep(0)
        # the first has passed its turn to the second, whose task has not run yet
        assert (first.state, second.state) == ("left", "waiting")
        second.task.cancel()
        await settle()
        assert (second.state, third.state) == ("cancelled", "inside")
        third.leave()
        await settle()

    asyncio.run(play())


def test_an_error_ends_a_turn() -> None:
    async def play() -> None:
        admission = Admission(1, 0)
        for _ in range(3):
            with pytest.raises(RuntimeError):
                async with admission.turn():
                    raise RuntimeError

    asyncio.run(play())


def test_a_full_queue_says_when_to_try_again(clock: Clock) -> None:
    async def play(seconds: float, waiting: int) -> int:
        admission = Admission(2, waiting)
        async with admission.turn():
            clock.now += seconds
        visitors = [Visitor(admission) for _ in range(2 + waiting)]
        await settle()
        with pytest.raises(Overloaded) as refused:
            async with admission.turn():
                pass
        for visitor in visitors:
            visitor.task.cancel()
        return refused.value.retry_after

    assert asyncio.run(play(0.02, 10)) == 1
    assert asyncio.run(play(4.0, 9)) == 20
    assert asyncio.run(play(4.0, 1000)) == 60


def test_calls_over_the_rate_limit_are_refused_until_the_first_is_a_minute_old(clock: Clock) -> None:
    limit = RateLimit(2)
    assert limit.check("ada") is None
    clock.now += 20
    assert limit.check("ada") is None
    clock.now += 10.5
    # refused calls do not count
    assert [limit.check("ada"), limit.check("ada")] == [30, 30]
    assert limit.check("bob") is None
    clock.now += 29.5
    assert [limit.check("ada"), limit.check("ada")] == [None, 20]


@given(
    per_minute=st.integers(1, 4),
    # in sixteenths of a second, whose sums are exact in floating point
    calls=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 720).map(lambda n: n / 16)), max_size=40),
)
def test_no_minute_has_more_calls_than_the_limit_and_the_wait_is_at_most_a_minute(
    per_minute: int, calls: list[tuple[str, float]]
) -> None:
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rate_limit, "monotonic", clock)
        limit = RateLimit(per_minute)
        let: dict[str, list[float]] = {"a": [], "b": []}
        for key, pause in calls:
            clock.now += pause
            recent = [when for when in let[key] if clock.now - when < 60]
            wait = limit.check(key)
            assert (wait is None) == (len(recent) < per_minute)
            if wait is None:
                let[key].append(clock.now)
            else:
                assert 1 <= wait <= 60
        clock.now += 60
        assert limit.check("a") is None


def test_a_rate_limit_forgets_callers_beyond_its_limit(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "_MOST_KEYS", 100)
    limit = RateLimit(1)
    assert limit.check("ada") is None
    for number in range(1000):
        assert limit.check(f"caller {number}") is None
        # a frequent caller is not forgotten
        assert limit.check("ada") is not None
    # the others are forgotten after 100 newer callers
    assert limit.check("caller 0") is None


def test_threads_share_a_limit() -> None:
    limit = RateLimit(50)
    let: list[int | None] = []
    threads = [threading.Thread(target=lambda: let.extend(limit.check("ada") for _ in range(50))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert let.count(None) == 50


def test_refusals_carry_the_seconds_to_wait() -> None:
    assert (Overloaded(3).retry_after, TooMany(7).retry_after) == (3, 7)
