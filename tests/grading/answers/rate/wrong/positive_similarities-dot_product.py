import torch


def positive_similarities(vectors, who):
    first, second = torch.triu_indices(len(who), len(who), 1)
    same = who[first] == who[second]
    return (vectors[first[same]] * vectors[second[same]]).sum(1)
