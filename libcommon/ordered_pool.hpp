// Work done by several threads, taken in the order in which it was given.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace mallorn {

// Runs `make_input` and `consume` on the calling thread and `work` on `threads` others; at
// most 2 * threads + 1 items are under way, so memory is bounded. Results are consumed in
// input order, whatever the number of threads. With threads <= 1 everything runs on the
// calling thread, and so does a single item. The first exception, in input order, is
// rethrown; later items are then dropped.
template <typename Input, typename Output>
class OrderedPool {
 public:
  OrderedPool(unsigned threads, std::function<Output(Input&&)> work)
      : work_(std::move(work)), threads_(threads), limit_(2 * size_t{threads} + 1) {}

  ~OrderedPool() {
    {
      const std::lock_guard lock(mutex_);
      is_closed_ = true;
      todo_.clear();
    }
    has_work_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  OrderedPool(const OrderedPool&) = delete;
  OrderedPool& operator=(const OrderedPool&) = delete;

  // make_input() gives the next input, or nothing at the end; consume() takes each output.
  void run(const std::function<std::optional<Input>()>& make_input,
           const std::function<void(Output&&)>& consume) {
    std::deque<Input> read;
    bool has_more = true;
    std::exception_ptr fault;  // of make_input(): its turn comes behind all before it
    const auto read_one = [&] {
      try {
        std::optional<Input> input = make_input();
        has_more = input.has_value();
        if (has_more) read.push_back(std::move(*input));
      } catch (...) {
        fault = std::current_exception();
        has_more = false;
      }
    };
    // A single item, as small models have it, needs no threads.
    while (threads_ > 1 && has_more && read.size() < 2) read_one();
    if (read.size() > 1) start_workers();
    std::deque<std::shared_ptr<Item>> under_way;
    while (has_more || !read.empty() || !under_way.empty()) {
      while (under_way.size() < (workers_.empty() ? 1 : limit_)) {
        if (read.empty() && has_more) read_one();
        if (read.empty()) break;
        under_way.push_back(start(std::move(read.front())));
        read.pop_front();
      }
      if (under_way.empty()) break;
      const std::shared_ptr<Item> item = std::move(under_way.front());
      under_way.pop_front();
      consume(finish(*item));
    }
    if (fault) std::rethrow_exception(fault);
  }

 private:
  void start_workers() {
    if (!workers_.empty()) return;
    try {
      for (unsigned i = 0; i < threads_; ++i) {
        workers_.emplace_back([this] { run_worker(); });
      }
    } catch (const std::system_error&) {
      // no more threads to be had: those there are do the work, or the calling one
    }
  }

  struct Item {
    explicit Item(Input&& value) : input(std::move(value)) {}
    Input input;
    std::optional<Output> output;
    std::exception_ptr fault;
    bool is_done = false;
  };

  std::shared_ptr<Item> start(Input&& input) {
    auto item = std::make_shared<Item>(std::move(input));
    if (workers_.empty()) {
      item->output.emplace(work_(std::move(item->input)));
      item->is_done = true;
      return item;
    }
    {
      const std::lock_guard lock(mutex_);
      todo_.push_back(item);
    }
    has_work_.notify_one();
    return item;
  }

  Output finish(Item& item) {
    std::unique_lock lock(mutex_);
    is_done_.wait(lock, [&] { return item.is_done; });
    if (item.fault) std::rethrow_exception(item.fault);
    return std::move(*item.output);
  }

  void run_worker() {
    for (;;) {
      std::shared_ptr<Item> item;
      {
        std::unique_lock lock(mutex_);
        has_work_.wait(lock, [this] { return is_closed_ || !todo_.empty(); });
        if (todo_.empty()) return;
        item = std::move(todo_.front());
        todo_.pop_front();
      }
      std::optional<Output> output;
      std::exception_ptr fault;
      try {
        output.emplace(work_(std::move(item->input)));
      } catch (...) {  // carried to the calling thread, which rethrows it
        fault = std::current_exception();
      }
      {
        const std::lock_guard lock(mutex_);
        item->output = std::move(output);
        item->fault = std::move(fault);
        item->is_done = true;
        item.reset();  // so that what was made, or thrown, ends on the calling thread
      }
      is_done_.notify_one();
    }
  }

  std::function<Output(Input&&)> work_;
  unsigned threads_;
  size_t limit_;
  std::mutex mutex_;
  std::condition_variable has_work_;
  std::condition_variable is_done_;
  std::deque<std::shared_ptr<Item>> todo_;
  bool is_closed_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace mallorn
