#ifndef ELMO_CORE_BASE_CHECK_H_
#define ELMO_CORE_BASE_CHECK_H_

#include <cstdio>
#include <cstdlib>

// A broken promise of our own code ends the process: it is a bug, and going on
// would hand out wrong numbers. Nothing that comes from outside (a request, a
// file, a flag) may ever reach a CHECK; that is what absl::Status is for.
#define ELMO_CHECK(condition)                                               \
  do {                                                                      \
    if (!(condition)) {                                                     \
      std::fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, \
                   #condition);                                             \
      std::abort();                                                         \
    }                                                                       \
  } while (false)

// The same in debug builds; not evaluated in release builds.
#ifdef NDEBUG
#define ELMO_DCHECK(condition) \
  do {                         \
    (void)sizeof(condition);   \
  } while (false)
#else
#define ELMO_DCHECK(condition) ELMO_CHECK(condition)
#endif

#endif  // ELMO_CORE_BASE_CHECK_H_
