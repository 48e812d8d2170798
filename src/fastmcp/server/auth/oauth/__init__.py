"""An authorization server: who may act for whom, and the tokens that say so.

OAuth 2.1 (draft-ietf-oauth-v2-1-13) as the Model Context Protocol asks for it (2026-07-28,
basic/authorization). `provider` is what is subclassed and gives the routes, `stored` keeps what was
granted; each of the other modules is one endpoint, or one idea that endpoints share.
"""
