-- Nothing filled it: vectors are kept sealed, in memory_embeddings.
DROP TABLE memory_vectors;
