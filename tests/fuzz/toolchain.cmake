# What everything under test is compiled with. `function` is left out because clang 14 cannot put that
# check before a coroutine; the optimizer stays at -O1, where reports still name the lines.
set(CMAKE_CXX_COMPILER clang++)
set(CMAKE_CXX_FLAGS_INIT "-O1 -g -fno-omit-frame-pointer -D_GLIBCXX_ASSERTIONS \
-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=function -fno-sanitize-recover=all")
