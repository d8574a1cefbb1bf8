"""How alike "bank" is in three sentences, by an elmo-server: see README.md."""
import sys

import grpc
import numpy
from elmo.v1 import embedding_pb2 as pb
from elmo.v1 import embedding_pb2_grpc

SENTENCES = ["She deposited the cheque at the bank on Monday.",
             "My brother borrowed money from the bank to buy a house.",
             "Trees grew along the left bank of the Thames."]
# Calls go to all servers of the name in turn, and what one cannot take now is
# sent again, after the pause that it asks for.
CONFIG = """{"loadBalancingConfig": [{"round_robin": {}}], "methodConfig": [{
    "name": [{"service": "elmo.v1.EmbeddingService"}], "retryPolicy": {
    "maxAttempts": 4, "initialBackoff": "0.1s", "maxBackoff": "2s",
    "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}}]}"""


def main(server):
    options = [("grpc.service_config", CONFIG),
               ("grpc.max_receive_message_length", 64 << 20)]
    with grpc.insecure_channel(server, options) as channel:
        answer = embedding_pb2_grpc.EmbeddingServiceStub(channel).Embed(
            pb.EmbedRequest(
                sentences=[pb.Sentence(text=text) for text in SENTENCES],
                output=pb.OutputSpec(layers=pb.Layers(indices=[2]),
                                     normalize=True, return_tokens=True)),
            timeout=10)
    banks = []
    for sentence in answer.embeddings:
        vectors = numpy.frombuffer(sentence.data, "<f4").reshape(sentence.shape)
        words = [token.text for token in sentence.tokens]
        banks.append(vectors[0, words.index("bank")])
    for a, b in ((0, 1), (0, 2), (1, 2)):
        print(f"{a + 1} and {b + 1}: {banks[a] @ banks[b]:.3f}")


main(sys.argv[1])
