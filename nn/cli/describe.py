"""Plans and machines as plain data, for the JSON files that the commands write."""

from __future__ import annotations

import argparse
import json
import math
from datetime import UTC, datetime
from pathlib import Path

from he import CKKSParameters
from he.bfv import BFVParameters
from he.format.files import replaced_file
from he.rlwe.params import RLWEParameters
from nn.packed.plan import InferencePlan
from nn.terminal.machine import backend_name, machine_description, source_commit

Json = dict[str, object]


def provenance(arguments: argparse.Namespace, params: RLWEParameters) -> Json:
    """The origin of a result: command, commit, date, machine and backend."""
    return {
        "command": arguments.command_line,
        "commit": source_commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine_description(),
        "backend": backend_name(params),
    }


def parameters(params: RLWEParameters) -> Json:
    """A parameter set of either scheme as plain data."""
    described: Json = {
        "N": params.N,
        "q_bits": [q.bit_length() for q in params.q],
        "p_bits": [p.bit_length() for p in params.p],
        "log2_QP": round(params.log_qp, 2),
        "dnum": params.dnum,
        "levels": params.max_level,
        "security_bits": params.security_bits,
        "security_estimate_bits": params.security_estimate,
    }
    if isinstance(params, CKKSParameters):
        described["scale_bits"] = round(math.log2(params.scales[-1]), 2)
    if isinstance(params, BFVParameters):
        described["plain_modulus"] = params.t
    return described


def plan_as_json(plan: InferencePlan) -> Json:
    """The plan as plain data, without its layouts."""
    return {
        "network": plan.network,
        "parameters": parameters(plan.params),
        "rotations": plan.rotations,
        "evaluation_key_bytes": plan.evaluation_key_bytes,
        "weight_bytes": plan.weight_bytes,
        "ciphertexts_in": plan.input_layout.ciphertexts,
        "ciphertexts_out": plan.output_layout.ciphertexts,
        "predicted_error": [float(error) for error in plan.predicted_error],
        "worst_case_error": [
            float(error) if math.isfinite(error) else None for error in plan.worst_case_error
        ],
        "predicted_bits": plan.predicted_bits,
        "calibrated": plan.calibrated,
        "largest_logit": plan.largest_logit,
        "failure_probability": plan.failure_probability,
        "stages": [dict(vars(stage)) for stage in plan.stages],
    }


def write_json(result: Json, path: Path) -> None:
    """Write `result` to `path`, indented, with a newline at the end."""
    with replaced_file(path, make_folders=True) as file:
        file.write(json.dumps(result, indent=2) + "\n")
