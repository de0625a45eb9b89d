#!/bin/sh
# Install the peers of some benchmarks into .venv-peers: MTCNN, dlib and OpenCV, with their weights.
# Without their dependencies, so that none of ours is replaced. dlib is compiled, which takes some ten minutes.
set -eu
python=.venv/bin/python

if PYTHONPATH=.venv-peers "$python" -W ignore -c "import dlib, face_recognition_models, facenet_pytorch, cv2; cv2.CascadeClassifier" 2>/dev/null; then
    exit 0
fi
# setuptools: face_recognition_models finds its weights by pkg_resources, which setuptools 81 removed.
# OpenCV 5 has no cascades any more. requests and the rest: facenet_pytorch imports them, though its MTCNN brings its weights.
"$python" -m pip install --quiet --no-deps --upgrade --target .venv-peers \
    facenet-pytorch==2.6.0 dlib==20.0.1 face_recognition_models==0.3.0 "setuptools<81" "opencv-python-headless<5" \
    requests urllib3 idna certifi charset-normalizer
