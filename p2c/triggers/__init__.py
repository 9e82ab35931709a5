"""The functions of the app: they parse, call and answer. The only package that knows Azure Functions."""
