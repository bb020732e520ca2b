"""The pages' words for parties, states, actions and events. Messages are English ids, said in the reader's language."""

from collections.abc import Mapping

from adapters.i18n import say
from domain.errors import N_
from domain.model import Party

LANGUAGE_NAMES = {"en": "English", "ro": "Română", "de": "Deutsch", "it": "Italiano", "hu": "Magyar"}

STATUSES = {
    "in_progress": N_("In progress"),
    "on_hold": N_("On hold"),
    "live": N_("Live"),
    "cancelled": N_("Cancelled"),
    "failed": N_("Failed"),
}
STATES = {
    "pending": N_("Not yet"),
    "waiting": N_("Waiting"),
    "running": N_("Running"),
    "done": N_("Done"),
    "stale": N_("To be done again"),
    "skipped": N_("Skipped"),
}
MAIL_STATES = {
    "queued": N_("Waiting to be sent"),
    "sending": N_("Being sent"),
    "sent": N_("Accepted by the mail server"),
    "refused": N_("Refused"),
    "unknown": N_("Not known whether it went out"),
    "bounced": N_("Came back"),
}
WAITED_ON = {
    "us": N_("Waiting on us"),
    "provider": N_("Waiting on the provider"),
    "partner": N_("Waiting on the partner"),
    "system": N_("Racord is at work"),
}
ACTS = {
    "us": N_("For us to do"),
    "provider": N_("For the provider to do"),
    "partner": N_("For the partner to do"),
    "system": N_("Racord does it"),
}
ACTS_AS_PROVIDER = {
    **ACTS,
    "us": N_("For the account manager to do"),
    "provider": N_("For you to do"),
}
READINESS = {
    "blocked": N_("Ticked, but something is missing"),
    "not_ticked": N_("Not ticked"),
    "deleted": N_("Deleted"),
    "warning": N_("With a warning"),
    "right": N_("Nothing missing"),
}
WAITED_ON_AS_PROVIDER = {
    **WAITED_ON,
    "us": N_("Waiting on the account manager"),
    "provider": N_("Waiting on you"),
}
ROLES = {"manager": N_("Account manager"), "provider": N_("Provider"), "viewer": N_("Viewer")}

# By action's name; `complete` is said in the words of the step's kind.
ACTIONS = {
    "complete": N_("Record it as done"),
    "complete:attest": N_("Record it as done"),
    "complete:confirm": N_("Record the partner’s yes"),
    "complete:joint_test": N_("Record a test result"),
    "reject": N_("Record the partner’s no"),
    "remind": N_("Send a reminder"),
    "tell_us": N_("Send it to them again"),
    "due": N_("Change the due date"),
    "skip": N_("Skip this step"),
    "retry": N_("Try again"),
    "reopen": N_("Do this step again"),
    "put_calendar": N_("Save the calendar"),
    "enable_channel": N_("Enable the channel"),
    "publish_services": N_("Publish the ticked services"),
    "set_prices": N_("Save the prices"),
    "accept_consent": N_("Accept the declaration"),
    "arrange_meeting": N_("Arrange the meeting"),
    "arrange_meeting:moved": N_("Move the meeting"),
    "cancel_meeting": N_("Cancel the meeting"),
    "hold": N_("Put on hold"),
    "hold:on_hold": N_("Plan another end of the hold"),
    "resume": N_("Resume"),
    "cancel": N_("Cancel the onboarding"),
    "assign": N_("Give it to an account manager"),
    "add:person": N_("Add an account manager"),
    "change:person": N_("Save the changes"),
    "substitute:person": N_("Add a substitute"),
    "remove:person": N_("Take the substitute away"),
    "retire:person": N_("Retire"),
    "pause": N_("Pause the connection"),
    "resume:connection": N_("Resume the connection"),
    "send-all": N_("Send everything again"),
    "end": N_("End the connection"),
    "confirm-end": N_("Record the partner’s word that it offers nothing any more"),
    "tell-again": N_("Tell the end again"),
    "told": N_("Record that they know of the end"),
    "remind:notice": N_("Send the notice again"),
    "acknowledge": N_("Record the partner’s acknowledgement"),
}
LINK_ACTIONS = {
    "complete": N_("Confirm"),
    "complete:confirm": N_("Confirm"),
    "complete:joint_test": N_("Send the test result"),
    "reject": N_("It is not right"),
}

WORDS = {
    "us": N_("us"),
    "provider": N_("provider"),
    "partner": N_("partner"),
    "system": N_("Racord"),
    "support": N_("support"),
    "account_manager": N_("account manager"),
    "lead": N_("the account manager’s lead"),
    "passed": N_("Passed"),
    "failed": N_("Failed"),
    "mon": N_("Monday"),
    "tue": N_("Tuesday"),
    "wed": N_("Wednesday"),
    "thu": N_("Thursday"),
    "fri": N_("Friday"),
    "sat": N_("Saturday"),
    "sun": N_("Sunday"),
    "document": N_("Document"),
    "date": N_("Date"),
    "name": N_("Name"),
    "role": N_("Role"),
    "email": N_("E-mail"),
    "note": N_("Note"),
    "reason": N_("Reason"),
    "evidence": N_("Evidence"),
    "on_behalf_of": N_("On behalf of"),
    "party": N_("Party"),
    "scenarios": N_("Scenarios"),
}

EVENTS = {
    "onboarding.started": N_("{actor} started the onboarding."),
    "onboarding.carried_over": N_("The earlier connection had ended: what still counts was taken over."),
    "onboarding.live": N_("The provider is live."),
    "onboarding.hold": N_("{actor} put the onboarding on hold."),
    "onboarding.hold_over": N_(
        "The planned end of the hold has come: the account manager is asked whether it goes on."
    ),
    "onboarding.resume": N_("{actor} resumed the onboarding."),
    "onboarding.cancel": N_("{actor} cancelled the onboarding."),
    "onboarding.assigned": N_("{actor} gave the onboarding to {to}."),
    "onboarding.assigned.nobody": N_("{actor} took the onboarding away from its account manager."),
    "step.complete": N_("{actor} completed “{step}”."),
    "step.reject": N_("{actor} said no to “{step}”."),
    "step.remind": N_("{actor} had a reminder sent for “{step}”."),
    "step.remind.auto": N_("Racord had a reminder of “{step}” sent to {to}."),
    "step.escalate": N_("Racord told {to} that “{step}” waits too long."),
    "step.due": N_("{actor} gave “{step}” another due date."),
    "step.skip": N_("{actor} had “{step}” skipped."),
    "step.arrange_meeting": N_("{actor} arranged the meeting of “{step}”."),
    "step.cancel_meeting": N_("{actor} cancelled the meeting of “{step}”."),
    "step.retry": N_("{actor} tried “{step}” again."),
    "step.reopen": N_("{actor} had “{step}” done again."),
    "step.voided": N_("What was recorded for “{step}” no longer holds: what it was about has changed."),
    "step.pending": N_("“{step}” waits for an earlier step."),
    "step.waiting": N_("“{step}” is waiting."),
    "step.waiting.us": N_("“{step}” is waiting on us."),
    "step.waiting.provider": N_("“{step}” is waiting on the provider."),
    "step.waiting.partner": N_("“{step}” is waiting on the partner."),
    "step.running": N_("Racord is at work on “{step}”."),
    "step.done": N_("“{step}” is done."),
    "step.stale": N_("“{step}” is to be done again."),
    "step.stale.us": N_("“{step}” is to be done again, by us."),
    "step.stale.provider": N_("“{step}” is to be done again: the provider is asked anew."),
    "step.stale.partner": N_("“{step}” is to be done again: the partner is asked anew."),
    "step.skipped": N_("“{step}” was skipped."),
    "evidence.added": N_("{actor} added the file “{name}” as evidence."),
    "mail.sent": N_("The mail server accepted the message to {to}."),
    "mail.bounced": N_("A message came back."),
    "mail.refused": N_("The mail server refused the message to {to}."),
    "mail.unknown": N_("It is not known whether the message to {to} went out."),
}
OTHER_EVENT = N_("{type} ({step})")


def humanized(key: str) -> str:
    """A key as a label, where nobody wrote one."""
    return key.replace("_", " ").strip().capitalize()


def word(key: str, language: str) -> str:
    return _said(WORDS, key, language) if key in WORDS else key.replace("_", " ")


def waited_on(party: str, language: str, reader: Party | None) -> str:
    """Who is waited on, as seen by the reader's side."""
    return _said(WAITED_ON_AS_PROVIDER if reader is Party.PROVIDER else WAITED_ON, party, language)


def acts(party: str, language: str, reader: Party | None) -> str:
    """Who must act, as seen by the reader's side."""
    return _said(ACTS_AS_PROVIDER if reader is Party.PROVIDER else ACTS, party, language)


def action(name: str, kind: str, language: str, *, by_link: bool = False) -> str:
    """The label of an action's button."""
    table = {**ACTIONS, **LINK_ACTIONS} if by_link else ACTIONS
    return _said(table, f"{name}:{kind}" if f"{name}:{kind}" in table else name, language)


def _said(table: Mapping[str, str], key: str, language: str) -> str:
    return say(language, table[key]) if key in table else humanized(key)
