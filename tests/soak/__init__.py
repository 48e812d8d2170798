"""The soak: mixed load of every kind at real servers, and nothing that grows.

`make soak` runs it for a quarter of an hour and judges slopes too; `make test` for some seconds
(test_soak.py), which shows that every answer is right, that nothing is left behind, and that the
soak itself works.
"""
