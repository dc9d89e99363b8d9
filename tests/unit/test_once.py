"""What many are told is encoded once."""

from llmchat.web.once import Once


def test_the_same_thing_is_made_once_and_an_equal_one_again() -> None:
    once: Once[int] = Once(2)
    made: list[object] = []

    def make(thing: object) -> int:
        made.append(thing)
        return len(made)

    one, equal, third = [1], [1], [3]
    assert once(one, lambda: make(one)) == once(one, lambda: make(one)) == 1
    assert once(equal, lambda: make(equal)) == 2
    assert once(third, lambda: make(third)) == 3
    # Only the last ones are kept, each with the thing that its identity stands for.
    assert once(one, lambda: make(one)) == 4
    assert once(third, lambda: make(third)) == 3


def test_an_identity_that_was_used_before_is_another_thing() -> None:
    once: Once[str] = Once(64)
    for number in range(1000):
        assert once([number], f"{number}".title) == f"{number}"
