#include <charconv>
#include <map>

#include "base/error.h"
#include "cuda/tuning.h"

namespace dimoo::cuda {
namespace {

struct Way {
  const char *name, *value;
  void (*take)(Tuning& tuning);
  bool (*taken)(const Tuning& tuning);
};

/// All but rows of `expand`, which are a number.
constexpr Way kWays[] = {
    {"products", "auto", [](Tuning& t) { t.products = TileRows::automatic; },
     [](const Tuning& t) { return t.products == TileRows::automatic; }},
    {"products", "few", [](Tuning& t) { t.products = TileRows::few; }, [](const Tuning& t) { return t.products == TileRows::few; }},
    {"products", "some", [](Tuning& t) { t.products = TileRows::some; }, [](const Tuning& t) { return t.products == TileRows::some; }},
    {"products", "many", [](Tuning& t) { t.products = TileRows::many; }, [](const Tuning& t) { return t.products == TileRows::many; }},
    {"warps", "wide", [](Tuning& t) { t.wide_warps = true; }, [](const Tuning& t) { return t.wide_warps; }},
    {"warps", "narrow", [](Tuning& t) { t.wide_warps = false; }, [](const Tuning& t) { return !t.wide_warps; }},
    {"stages", "auto", [](Tuning& t) { t.stages = 0; }, [](const Tuning& t) { return t.stages == 0; }},
    {"stages", "3", [](Tuning& t) { t.stages = 3; }, [](const Tuning& t) { return t.stages == 3; }},
    {"stages", "4", [](Tuning& t) { t.stages = 4; }, [](const Tuning& t) { return t.stages == 4; }},
    {"expand", "never", [](Tuning& t) { t.expand_rows = -1; }, [](const Tuning& t) { return t.expand_rows < 0; }},
    {"queries", "auto", [](Tuning& t) { t.queries = TileRows::automatic, t.tall_queries = false; },
     [](const Tuning& t) { return t.queries == TileRows::automatic && !t.tall_queries; }},
    {"queries", "few", [](Tuning& t) { t.queries = TileRows::few; }, [](const Tuning& t) { return t.queries == TileRows::few; }},
    {"queries", "many", [](Tuning& t) { t.queries = TileRows::many; }, [](const Tuning& t) { return t.queries == TileRows::many; }},
    {"queries", "tall", [](Tuning& t) { t.queries = TileRows::automatic, t.tall_queries = true; },
     [](const Tuning& t) { return t.tall_queries; }},
};

void take(Tuning& tuning, const std::string& name, const std::string& value) {
  for (const Way& way : kWays)
    if (name == way.name && value == way.value) return way.take(tuning);
  const char* const end = value.data() + value.size();
  if (int64_t rows = 0; name == "expand" && std::from_chars(value.data(), end, rows).ptr == end && !value.empty() && rows >= 0) {
    tuning.expand_rows = rows;
    return;
  }
  std::string known = "expand=<rows>";
  for (const Way& way : kWays) known += std::string(", ") + way.name + "=" + way.value;
  fail(Code::request_invalid, "CUDA variant: expected ", OwnWords{known}, ", got ", name, "=", value);
}

}  // namespace

Tuning tuning_of(const std::string& text) {
  Tuning tuning;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    const std::string word = text.substr(at, end - at);
    const size_t equals = std::min(word.find('='), word.size());
    take(tuning, word.substr(0, equals), equals < word.size() ? word.substr(equals + 1) : "");
    at = end + 1;
  }
  return tuning;
}

std::vector<TuningChoice> choices(const Tuning& tuning) {
  std::vector<TuningChoice> all;
  for (const Way& way : kWays) {
    if (all.empty() || all.back().name != way.name) all.push_back({way.name, "", {}});
    all.back().available.emplace_back(way.value);
    if (way.taken(tuning)) all.back().chosen = way.value;
  }
  for (TuningChoice& choice : all)
    if (choice.name == "expand") {
      choice.available.insert(choice.available.begin(), "<rows>");
      if (tuning.expand_rows >= 0) choice.chosen = std::to_string(tuning.expand_rows);
    }
  return all;
}

}  // namespace dimoo::cuda
