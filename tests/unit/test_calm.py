"""What can wait does, while a turn hurries."""

import asyncio

import pytest

from worker.calm import Calm


async def test_what_can_wait_goes_on_while_the_model_answers_and_not_before() -> None:
    calm, waited = Calm(posting_s=0.0), list[str]()

    async def learn() -> None:
        await calm.come(60.0)
        waited.append("learned")

    with calm.hurry(), calm.hurry():
        learning = asyncio.create_task(learn())
        with calm.answering() as first:
            first()
            first()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert not waited, "another turn hurries"
            with calm.answering() as second:
                second()
                await learning
                assert waited == ["learned"]
        again = asyncio.create_task(calm.come(60.0))
        await asyncio.sleep(0)
    assert not again.done(), "both answers are there and have to be posted"
    await again
    await calm.come(60.0)


async def test_a_call_that_says_nothing_changes_nothing_and_a_busy_day_is_waited_for_no_longer_than_was_said() -> None:
    calm = Calm()
    with pytest.raises(RuntimeError), calm.hurry(), calm.answering():
        raise RuntimeError
    await calm.come(60.0)
    with calm.hurry():
        await calm.come(0.0)
        assert not calm._waiting


async def test_a_turn_hurries_until_its_answer_is_posted() -> None:
    calm = Calm(posting_s=60.0)
    with calm.hurry():
        pass
    waiting = asyncio.create_task(calm.come(60.0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
