"""Faces, videos and questions: where they lie, how they are opened and checked."""
