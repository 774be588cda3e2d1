"""A real kernel, as a notebook has one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

__all__ = ["kernels", "run"]


@contextmanager
def kernels() -> Iterator[BlockingKernelClient]:
    """A kernel that runs."""
    manager = KernelManager(kernel_name="python3", transport="ipc")
    manager.start_kernel(extra_arguments=["--HistoryManager.enabled=False"])
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    manager.cleanup_resources()


def run(kernel: BlockingKernelClient, cell_id: str, code: str) -> list[tuple[str, dict[str, Any]]]:
    """Run a cell, and return what was displayed and updated in its name: all that a notebook run by nobody keeps."""
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
    message = kernel.session.msg("execute_request", content, metadata={"cellId": cell_id})
    kernel.shell_channel.send(message)
    shown: list[tuple[str, dict[str, Any]]] = []
    while True:
        told = kernel.get_iopub_msg(timeout=60)
        kind, what = told["msg_type"], told["content"]
        if told["parent_header"].get("msg_id") != message["header"]["msg_id"]:
            continue
        if kind in ("display_data", "update_display_data"):
            shown.append((kind, what["data"]))
        elif kind == "error":
            pytest.fail("\n".join(what["traceback"]), pytrace=False)
        elif what.get("execution_state") == "idle":
            return shown
