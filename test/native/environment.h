// Variables of the environment, for tests that change one; null and "" both take it away.
#pragma once
#include <cstdlib>

inline void set_variable(const char* name, const char* value) {
#if defined(_WIN32)
  _putenv_s(name, value ? value : "");
#else
  if (value && *value)
    setenv(name, value, 1);
  else
    unsetenv(name);
#endif
}
