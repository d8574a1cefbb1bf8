// How alike "bank" is in two sentences, by an elmo-server: see ../README.md.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	pb "elmo.example/bank/elmov1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func main() {
	channel, err := grpc.NewClient(os.Args[1],
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"round_robin": {}}]}`))
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	answer, err := pb.NewEmbeddingServiceClient(channel).Embed(ctx, &pb.EmbedRequest{
		Sentences: []*pb.Sentence{
			{Tokens: []string{"She", "went", "to", "the", "bank", "on", "Monday", "."}},
			{Tokens: []string{"He", "sat", "on", "the", "bank", "of", "the", "river", "."}}},
		Output: &pb.OutputSpec{Normalize: true, Encoding: pb.Encoding_FLOAT_LIST}})
	if err != nil {
		log.Fatal(err) // With the code: what is UNAVAILABLE may be tried again.
	}
	const bank = 4 // Its place in both.
	cosine, dim := float32(0), int(answer.Embeddings[0].Shape[1])
	for i := bank * dim; i < (bank+1)*dim; i++ {
		cosine += answer.Embeddings[0].Values[i] * answer.Embeddings[1].Values[i]
	}
	fmt.Printf("%s: %.3f\n", answer.Model, cosine)
}
