"""The bodies of answers in JSON, as OpenAPI describes them."""

from __future__ import annotations

from pydantic import BaseModel, Field

from nn.service.wire import JobState, KeyState

_ID = r"^[0-9a-f]{32}$"


class ErrorFacts(BaseModel):
    """Why a request was refused. code: for programs; message: for people."""

    code: str
    message: str


class ErrorAnswer(BaseModel):
    """The body of every refusal."""

    error: ErrorFacts


class HealthAnswer(BaseModel):
    """status: ok, starting, or failing."""

    status: str
    workers: int
    workers_ready: int
    waiting: int
    free_bytes: int
    accepts_work: bool


class ModelAnswer(BaseModel):
    """A published model. version: the id of its plan, which keys and images name."""

    name: str
    version: str
    fingerprint: str
    input_shape: list[int]
    classes: int
    layers: list[str]
    security_bits: int
    ring_degree: int
    levels: int
    key_bytes: int
    plan_bytes: int
    images_bytes_limit: int
    group: int


class NewKeys(BaseModel):
    """Evaluation keys that are about to be uploaded. id: of the keys; sha256: of their bytes."""

    id: str = Field(pattern=_ID)
    model: str
    version: str | None = Field(default=None, pattern=_ID)
    bytes: int = Field(gt=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class KeysAnswer(BaseModel):
    """Stored evaluation keys. received: how many bytes have arrived."""

    id: str
    version: str
    state: KeyState
    bytes: int
    received: int
    sha256: str
    created: float


class JobAnswer(BaseModel):
    """A job. layer: the one that runs. code, message: why it failed."""

    id: str
    request: str
    version: str
    images: int
    state: JobState
    layer: str | None = None
    code: str = ""
    message: str = ""
    created: float
