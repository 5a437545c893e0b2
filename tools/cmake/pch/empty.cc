// Nothing: a target needs a source file to own a precompiled header (tools/cmake/Precompiled.cmake).
