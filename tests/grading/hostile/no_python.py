def positive_similarities(vectors, who:
    return (((
