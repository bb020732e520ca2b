"""Which of a workflow's turns (workflow tasks) is at work: what a lost one wrote down is told from what counts."""

from temporalio import workflow


class Turns:
    """Numbers the turns of one workflow; asked in workflow code only."""

    def __init__(self) -> None:
        self._length = 0
        self._number = 0

    def present(self) -> int:
        """The present turn's number: greater than any before, also where it comes instead of a lost one or after a reset.

        It is the time at which the turn's try began, which is Temporal's and never goes back, and then the history's
        length. The first who asks in a turn fixes it, before anything is waited for: the clock goes on while a turn
        waits, and that of a lost one, whose worker knows nothing of it yet, must not overtake the turn that counts.
        """
        length = workflow.info().get_current_history_length()
        if length != self._length:
            self._length = length
            self._number = int(workflow.now().timestamp() * 1000) << 20 | length
        return self._number
