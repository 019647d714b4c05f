#include "libcommon/ordered_pool.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>

#include "tests/support/random.hpp"

using namespace mallorn;

namespace {

// Feeds 0 … count - 1 and returns what comes out.
std::vector<int> run(unsigned threads, int count, const std::function<int(int&&)>& work) {
  OrderedPool<int, int> pool(threads, work);
  std::vector<int> outputs;
  int next = 0;
  pool.run(
      [&]() -> std::optional<int> {
        if (next == count) return std::nullopt;
        return next++;
      },
      [&](int&& output) { outputs.push_back(output); });
  return outputs;
}

void sleep_us(uint64_t time) {
  std::this_thread::sleep_for(std::chrono::microseconds(time));
}

}  // namespace

TEST_CASE("ordered pool: results come in the order of their inputs, for 1 to 8 threads") {
  test::Random random = test::seeded("ordered pool");
  std::vector<uint64_t> delays(200);
  for (uint64_t& delay : delays) delay = random.below(300);
  for (unsigned threads = 0; threads <= 8; ++threads) {
    const std::vector<int> outputs = run(threads, 200, [&](int&& input) {
      sleep_us(delays[static_cast<size_t>(input)]);
      return 3 * input;
    });
    REQUIRE(outputs.size() == 200);
    for (int i = 0; i < 200; ++i) REQUIRE(outputs[static_cast<size_t>(i)] == 3 * i);
  }
}

TEST_CASE("ordered pool: no input, one input") {
  for (const unsigned threads : {1u, 4u}) {
    CHECK(run(threads, 0, [](int&& input) { return input; }).empty());
    CHECK(run(threads, 1, [](int&& input) { return input + 7; }) == std::vector<int>{7});
  }
}

TEST_CASE("ordered pool: the number of items under way is bounded") {
  for (const unsigned threads : {1u, 2u, 8u}) {
    int made = 0;
    int taken = 0;
    int most = 0;
    OrderedPool<int, int> pool(threads, [](int&& input) { return input; });
    pool.run(
        [&]() -> std::optional<int> {
          most = std::max(most, made - taken + 1);
          if (made == 500) return std::nullopt;
          return made++;
        },
        [&](int&&) { ++taken; });
    CHECK(taken == 500);
    CHECK(most <= static_cast<int>(2 * threads + 1) + 1);
  }
}

TEST_CASE("ordered pool: the first exception in input order is the one that is rethrown") {
  for (unsigned threads = 1; threads <= 8; ++threads) {
    std::vector<int> outputs;
    int next = 0;
    std::string message;
    OrderedPool<int, int> pool(threads, [](int&& input) {
      if (input == 20) sleep_us(3000);  // the later fault is ready sooner
      if (input == 20 || input == 21) throw std::runtime_error(std::to_string(input));
      return input;
    });
    try {
      pool.run(
          [&]() -> std::optional<int> {
            return next < 100 ? std::optional(next++) : std::nullopt;
          },
          [&](int&& output) { outputs.push_back(output); });
    } catch (const std::runtime_error& error) {
      message = error.what();
    }
    CHECK(message == "20");
    CHECK(outputs.size() == 20);
    CHECK(next < 100);
  }
}

TEST_CASE("ordered pool: faults of the caller's own functions end it without a hang") {
  for (const unsigned threads : {1u, 4u}) {
    int next = 0;
    OrderedPool<int, int> makes(threads, [](int&& input) { return input; });
    CHECK_THROWS_AS(makes.run(
                        [&]() -> std::optional<int> {
                          if (next == 10) throw std::runtime_error("make");
                          return next++;
                        },
                        [](int&&) {}),
                    std::runtime_error);
    OrderedPool<int, int> takes(threads, [](int&& input) { return input; });
    CHECK_THROWS_AS(takes.run([&]() -> std::optional<int> { return 1; },
                              [](int&&) { throw std::runtime_error("take"); }),
                    std::runtime_error);
  }
}

TEST_CASE("ordered pool: what came before a fault of the input's maker is still consumed") {
  for (const unsigned threads : {1u, 4u}) {
    OrderedPool<int, int> pool(threads, [](int&& input) { return input; });
    int next = 0;
    int consumed = 0;
    CHECK_THROWS_AS(pool.run(
                        [&]() -> std::optional<int> {
                          if (next == 6) throw std::runtime_error("no more");
                          return next++;
                        },
                        [&](int&&) { ++consumed; }),
                    std::runtime_error);
    CHECK(consumed == 6);
  }
}

TEST_CASE("ordered pool: several threads really work at a time") {
  std::atomic<int> inside = 0;
  std::atomic<int> most = 0;
  (void)run(4, 60, [&](int&& input) {
    const int now = ++inside;
    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
    }
    sleep_us(2000);
    --inside;
    return input;
  });
  CHECK(most > 1);
  CHECK(most <= 4);
}

TEST_CASE("ordered pool: takes inputs and outputs that can only be moved") {
  OrderedPool<std::unique_ptr<int>, std::unique_ptr<int>> pool(
      3, [](std::unique_ptr<int>&& input) { return std::move(input); });
  int next = 0;
  int sum = 0;
  pool.run(
      [&]() -> std::optional<std::unique_ptr<int>> {
        if (next == 50) return std::nullopt;
        return std::make_unique<int>(next++);
      },
      [&](std::unique_ptr<int>&& output) { sum += *output; });
  CHECK(sum == 49 * 50 / 2);
}
