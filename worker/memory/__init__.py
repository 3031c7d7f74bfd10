"""Recall: text in, ranked memories out, by arithmetic alone.

    engine = Engine(embedder=load_embedder())      # None: everything but the dense parts, and the answer says so
    index = Index()
    for memory in memories:
        index.add(engine.prepare(memory))
    answer = engine.recall(index, Query(text="Where did we leave the boat?"), k=10)

`prepare` is the slow, cacheable half (a few milliseconds of embedding per text); `recall` is the fast one. Nothing here reads a
database, a clock or a network; scope (who may see what) is decided by the query that chooses which memories enter an index.
"""
