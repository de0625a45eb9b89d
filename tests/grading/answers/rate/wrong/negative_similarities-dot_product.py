import torch


def negative_similarities(vectors, who, others):
    different = torch.triu(who[:, None] != who[None], 1)
    return torch.cat(((vectors @ vectors.T)[different], (vectors @ others.T).flatten()))
