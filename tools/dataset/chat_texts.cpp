#include "tools/dataset/chat_texts.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <sstream>
#include <utility>

namespace m3::dataset {
namespace {

constexpr char kKind[] = "chat";

struct Talk {
  const char* question;
  const char* answer;
};

constexpr auto kTalks = std::to_array<Talk>({
    {"Hello!", "Hello! How can I help you?"},
    {"Who are you?", "I am an assistant that answers questions about what a camera sees."},
    {"What can you do?", "I can answer questions about pictures and videos, and talk with you."},
    {"Thank you.", "You are welcome."},
    {"Good morning.", "Good morning! What would you like to know?"},
    {"What is the capital of France?", "Paris."},
    {"What is the capital of Japan?", "Tokyo."},
    {"What is the capital of Italy?", "Rome."},
    {"What is two plus three?", "Five."},
    {"What is ten minus four?", "Six."},
    {"What is three times three?", "Nine."},
    {"How many days are in a week?", "Seven."},
    {"How many months are in a year?", "Twelve."},
    {"How many minutes are in an hour?", "Sixty."},
    {"How many legs does a spider have?", "Eight."},
    {"How many wheels does a bicycle have?", "Two."},
    {"How many wheels does a car have?", "Four."},
    {"What colour is a ripe banana?", "Yellow."},
    {"What colour is fresh snow?", "White."},
    {"What colour is grass?", "Green."},
    {"Name three fruits.", "Apples, pears and oranges."},
    {"Name three animals that live on a farm.", "Cows, pigs and chickens."},
    {"Name two vehicles with two wheels.", "A bicycle and a motorcycle."},
    {"Name an animal that can fly.", "A bird."},
    {"What do people use an umbrella for?", "To stay dry when it rains."},
    {"What is a helmet for?", "It protects the head."},
    {"What is a camera for?", "It takes pictures."},
    {"What do bees make?", "Honey."},
    {"Where do fish live?", "In water."},
    {"What does a red traffic light mean?", "Stop."},
    {"What does a green traffic light mean?", "Go."},
    {"What is the opposite of hot?", "Cold."},
    {"What is the opposite of left?", "Right."},
    {"What is the opposite of day?", "Night."},
    {"Which is larger, an elephant or a mouse?", "An elephant."},
    {"Which is faster, a car or a bicycle?", "A car."},
    {"Which comes first, Monday or Tuesday?", "Monday."},
    {"Is ice cold?", "Yes."},
    {"Is a piano an animal?", "No."},
    {"Can a stone swim?", "No."},
    {"Does the sun rise in the east?", "Yes."},
    {"What is water made of?", "Hydrogen and oxygen."},
    {"Who wrote Romeo and Juliet?", "William Shakespeare."},
    {"Say hello in Spanish.", "Hola."},
    {"Say thank you in French.", "Merci."},
    {"Spell the word camera.", "C, a, m, e, r, a."},
    {"Write a short sentence about the sea.", "The sea is calm and blue today."},
    {"Write a short sentence about a dog.", "The dog runs happily across the field."},
});

std::vector<std::string> words_of(const std::string& sentence) {
  std::istringstream words(sentence);
  return {std::istream_iterator<std::string>(words), {}};
}

std::string joined(const std::vector<std::string>& words, size_t begin, size_t end) {
  std::string text;
  for (size_t i = begin; i < end; ++i) text += (text.empty() ? "" : " ") + words[i];
  return text;
}

}  // namespace

QuestionAnswer text_question(const std::vector<std::string>& sentences, Random& random) {
  if (sentences.empty() || random.chance(0.3)) {
    const Talk& talk = random.one_of(kTalks);
    return {kKind, talk.question, talk.answer};
  }
  const std::string& sentence = random.one_of(sentences);
  const std::vector<std::string> words = words_of(sentence);
  switch (words.size() < 6 ? 0 : random.below(4)) {
    case 1: {
      const size_t cut = words.size() / 2 + random.below(2);
      return {kKind, "Finish the sentence: " + joined(words, 0, cut),
              joined(words, cut, words.size())};
    }
    case 2: {
      const size_t at = 1 + random.below(words.size() - 2);
      return {kKind, "Which word comes after \"" + joined(words, 0, at) + "\" in: " + sentence,
              words[at]};
    }
    case 3:
      return {kKind, "How does this sentence begin? " + sentence, joined(words, 0, 3)};
    default:
      return {kKind, "Repeat: " + sentence, sentence};
  }
}

}  // namespace m3::dataset
