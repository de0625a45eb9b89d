def positive_similarities(vectors, who):
    return None


def negative_similarities(vectors, who, others):
    return "0.5, 0.7"


class tpr_at_fpr:  # noqa: N801
    def __init__(self, positive, negative, fpr):
        self.rate = 0.5
