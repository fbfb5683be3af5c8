#include "base/win32.h"

#include <system_error>

namespace dimoo::win32 {

std::wstring wide(const std::string& utf8) {
  const int length = static_cast<int>(utf8.size());
  std::wstring text(static_cast<size_t>(MultiByteToWideChar(CP_UTF8, 0, utf8.data(), length, nullptr, 0)), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, utf8.data(), length, text.data(), static_cast<int>(text.size()));
  if (text.size() < MAX_PATH - 12 || text.starts_with(L"\\\\?\\")) return text;
  std::wstring full(GetFullPathNameW(text.c_str(), 0, nullptr, nullptr), L'\0');
  full.resize(GetFullPathNameW(text.c_str(), static_cast<DWORD>(full.size()), full.data(), nullptr));
  return full.starts_with(L"\\\\") ? L"\\\\?\\UNC" + full.substr(1) : L"\\\\?\\" + full;
}

std::string error_text(unsigned long error) { return std::system_category().message(static_cast<int>(error)); }

}  // namespace dimoo::win32
