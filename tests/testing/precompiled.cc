// Nothing: the program that owns the tests' precompiled headers,
// elmo_precompile() in cmake/elmo.cmake.
