"""The step kinds. Adding one: write its class in a file here, and name it in :data:`AnyStep`."""

from typing import Annotated

from pydantic import Field

from domain.steps.attest import AttestStep
from domain.steps.base import Step
from domain.steps.check import CheckStep, ConsentStep
from domain.steps.confirm import ConfirmStep
from domain.steps.joint_test import JointTestStep
from domain.steps.mail import MailStep

AnyStep = Annotated[
    AttestStep | MailStep | CheckStep | ConsentStep | ConfirmStep | JointTestStep, Field(discriminator="kind")
]

__all__ = ["AnyStep", "Step"]
