#include "tools/common/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

namespace m3::tools {
namespace {

constexpr int kEndOfWaiting = SIGUSR2;  // sent by the destructor to the waiting thread alone

sigset_t waited_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, kEndOfWaiting);
  return set;
}

}  // namespace

Interrupt::Interrupt() {
  const sigset_t set = waited_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  waiter_ = std::thread([this] { wait_for_signals(); });
}

Interrupt::~Interrupt() {
  pthread_kill(waiter_.native_handle(), kEndOfWaiting);
  waiter_.join();
}

void Interrupt::wait_for_signals() {
  const sigset_t set = waited_signals();
  for (;;) {
    int signal = 0;
    if (sigwait(&set, &signal) != 0 || signal == kEndOfWaiting) return;
    if (source_.stop_requested()) _exit(128 + signal);
    source_.request_stop();
  }
}

}  // namespace m3::tools
