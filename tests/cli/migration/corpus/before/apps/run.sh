#!/bin/sh
exec uvicorn api:app --port 8011
