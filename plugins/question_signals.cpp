#include "plugins/question_signals.h"

void m3::install_question_signals(GObjectClass* klass, GCallback ask, GCallback ask_at,
                                  GCallback cancel) {
  const GType type = G_TYPE_FROM_CLASS(klass);
  const auto action = static_cast<GSignalFlags>(int{G_SIGNAL_RUN_LAST} | int{G_SIGNAL_ACTION});
  /**
   * GstM3Llm::ask:
   * @text: the question
   *
   * Asks about what has been seen up to now, or about the first frame when there was none yet.
   *
   * Returns: the question's id, as the answer's messages carry it; NULL when too many questions
   * wait
   *
   * Since: 0.1
   */
  g_signal_new_class_handler("ask", type, action, ask, nullptr, nullptr, nullptr, G_TYPE_STRING, 1,
                             G_TYPE_STRING);
  /**
   * GstM3Llm::ask-at:
   * @text: the question
   * @at: nanoseconds of stream time; GST_CLOCK_TIME_NONE: at the end of the stream
   * @every: nanoseconds until it is asked again, and again; 0: once
   *
   * Asks once all frames up to @at are seen and before any later one. What the stream does not
   * reach is asked once at its end.
   *
   * Returns: the question's id; NULL when too many questions wait
   *
   * Since: 0.1
   */
  g_signal_new_class_handler("ask-at", type, action, ask_at, nullptr, nullptr, nullptr,
                             G_TYPE_STRING, 3, G_TYPE_STRING, G_TYPE_UINT64, G_TYPE_UINT64);
  /**
   * GstM3Llm::cancel:
   * @id: of a question
   *
   * Ends the question: it is not asked any more, and an answer that is being made ends with
   * finish=cancelled.
   *
   * Returns: TRUE when there was something to end
   *
   * Since: 0.1
   */
  g_signal_new_class_handler("cancel", type, action, cancel, nullptr, nullptr, nullptr,
                             G_TYPE_BOOLEAN, 1, G_TYPE_STRING);
}
