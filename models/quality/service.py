"""Asks a running elmo-server for vectors, over gRPC.

The stubs are generated from proto/ into a temporary folder when the program
starts, so they are always those of this checkout.
"""

import importlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from grpc_tools import protoc

_PROTO = "elmo/v1/embedding.proto"
_MEGABYTES_64 = 64 << 20


class ServiceError(Exception):
    """The server cannot be reached or refused a request."""


def _generate(proto_root: Path) -> tuple[Any, Any]:
    folder = tempfile.mkdtemp(prefix="elmo-stubs-")
    includes = Path(protoc.__file__).parent / "_proto"
    code = protoc.main([
        "protoc", f"-I{proto_root}", f"-I{includes}", f"--python_out={folder}",
        f"--grpc_python_out={folder}", str(proto_root / _PROTO)])
    if code:
        raise ServiceError(f"{proto_root / _PROTO}: protoc failed")
    sys.path.insert(0, folder)
    return (importlib.import_module("elmo.v1.embedding_pb2"),
            importlib.import_module("elmo.v1.embedding_pb2_grpc"))


class Service:
    """One model of a server; embeds in batches that fit its limits."""

    def __init__(self, target: str, proto_root: Path, model: str = "",
                 batch_tokens: int = 2000, parallel: int = 4):
        self._pb, stubs = _generate(proto_root)
        options = [("grpc.max_receive_message_length", _MEGABYTES_64),
                   ("grpc.max_send_message_length", _MEGABYTES_64)]
        self._stub = stubs.EmbeddingServiceStub(
            grpc.insecure_channel(target, options))
        self._target, self._model = target, model
        self._batch_tokens, self._parallel = batch_tokens, parallel
        try:
            self.info = self._stub.GetModel(
                self._pb.GetModelRequest(model=model), timeout=10)
        except grpc.RpcError as error:
            raise ServiceError(f"{target}: {error.details()}") from error

    @property
    def layers(self) -> int:
        """Layers of an answer: the token layer and the LSTM layers."""
        return self.info.lstm_layers + 1

    def embed(self, sentences: Sequence[Sequence[str]]) -> Iterator[np.ndarray]:
        """Yields [layers, tokens, D] of each sentence, in order."""
        with ThreadPoolExecutor(self._parallel) as pool:
            for answers in pool.map(self._embed_batch,
                                    self._batches(sentences)):
                yield from answers

    def _batches(self, sentences: Sequence[Sequence[str]]
                 ) -> Iterator[list[Sequence[str]]]:
        limits = self.info.limits
        most = limits.sentences_per_request or 64
        batch: list[Sequence[str]] = []
        tokens = 0
        for sentence in sentences:
            if batch and (len(batch) == most or
                          tokens + len(sentence) > self._batch_tokens):
                yield batch
                batch, tokens = [], 0
            batch.append(sentence)
            tokens += len(sentence)
        if batch:
            yield batch

    def _embed_batch(self, batch: list[Sequence[str]]) -> list[np.ndarray]:
        pb = self._pb
        request = pb.EmbedRequest(
            model=self._model,
            sentences=[pb.Sentence(tokens=s) for s in batch],
            output=pb.OutputSpec(layers=pb.Layers(), encoding=pb.FLOAT32))
        try:
            response = self._stub.Embed(request, timeout=120,
                                        wait_for_ready=True)
        except grpc.RpcError as error:
            raise ServiceError(f"{self._target}: {error.code().name}: "
                               f"{error.details()}") from error
        return [np.frombuffer(e.data, "<f4").reshape(tuple(e.shape))
                for e in response.embeddings]
