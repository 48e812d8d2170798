from somewhere import thing

thing.run(transport="sse")
