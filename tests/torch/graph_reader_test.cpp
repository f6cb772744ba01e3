#include "core/torch/graph_reader.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "core/error.h"
#include "tests/support/error_of.h"
#include "tests/support/temporary_folder.h"

namespace m3 {
namespace {

using test::error_of;
using Json = nlohmann::json;

Json conv(const std::string& input, const std::string& output, const Json& shape) {
  return {
      {"op", "conv2d"},        {"input", input},      {"output", output}, {"weight", output + ".w"},
      {"bias", output + ".b"}, {"shape", shape},      {"stride", 1},      {"groups", 1},
      {"pad", {0, 0, 0, 0}},   {"activation", "none"}};
}

// An 8x8 picture to 5 channels on a 4x4 grid.
Json sound() {
  Json down = conv("a", "b", {5, 3, 3, 3});
  down["stride"] = 2;
  down["pad"] = {0, 1, 0, 1};
  return {{"input", "p"},
          {"output", "b"},
          {"operations",
           {{{"op", "scale_shift"}, {"input", "p"}, {"output", "a"}, {"scale", 0.5}, {"shift", -1}},
            down}}};
}

class GraphReader : public testing::Test {
 protected:
  Graph read(const Json& json) {
    return read_graph(folder_.write("tower.json", json.dump()), 8, 5, 4);
  }
  // What is said behind "FILE: ".
  std::string refusal(const Json& json) {
    const Error error = error_of([&] { read(json); });
    EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
    const std::string text = error.what();
    const std::string opening = folder_.path() + "/tower.json: ";
    EXPECT_EQ(text.rfind(opening, 0), 0u) << text;
    return text.substr(opening.size());
  }
  const test::TemporaryFolder folder_;
};

TEST_F(GraphReader, NumbersTheValues) {
  const Graph graph = read(sound());
  ASSERT_EQ(graph.steps.size(), 2u);
  EXPECT_EQ(graph.values, 3u);
  EXPECT_EQ(graph.output, 2u);
  EXPECT_EQ(graph.steps[0].op, GraphOp::kScaleShift);
  EXPECT_EQ(graph.steps[0].scale, 0.5);
  EXPECT_EQ(graph.steps[0].shift, -1);
  EXPECT_EQ(graph.steps[1].inputs, std::vector<size_t>{1});
  EXPECT_EQ(graph.steps[1].convolution.stride, 2);
  EXPECT_EQ(graph.steps[1].input_height, 8);
}

TEST_F(GraphReader, SaysWhatIsWrongAndWhere) {
  struct Wrong {
    const char* change;  // JSON merge patch for the convolution
    const char* said;
  };
  for (const auto& [change, said] : {
           Wrong{R"({"input":"nothing"})",
                 "\"operations[1].input\" names 'nothing', which nothing before it makes"},
           Wrong{R"({"output":"a"})", "\"operations[1].output\" names 'a' again"},
           Wrong{R"({"op":"conv3d"})",
                 "\"operations[1].op\" is 'conv3d', which is none of conv2d, add, scale_shift, "
                 "pixel_unshuffle, "
                 "avg_pool2d, concat"},
           Wrong{R"({"shape":[5,4,3,3]})",
                 "\"operations[1].shape\" does not fit an input of 3x8x8 in 1 group(s)"},
           Wrong{R"({"groups":2})",
                 "\"operations[1].shape\" does not fit an input of 3x8x8 in 2 group(s)"},
           Wrong{R"({"shape":[5,3,11,3]})",
                 "\"operations[1].shape\" has a kernel larger than the input of 3x8x8"},
           Wrong{R"({"shape":[5,3,3]})",
                 "\"operations[1].shape\" must be four numbers: out, in / groups, kernel height, "
                 "width"},
           Wrong{R"({"pad":[0,1]})",
                 "\"operations[1].pad\" must be four numbers: left, right, top, bottom"},
           Wrong{R"({"activation":"relu"})",
                 "\"operations[1].activation\" is 'relu', which is none of none, relu6"},
           Wrong{R"({"shape":[6,3,3,3]})", "\"output\" is 6x4x4, config.json says 5x4x4"},
           Wrong{R"({"pad":[1,1,1,1],"stride":1})", "\"output\" is 5x8x8, config.json says 5x4x4"},
       }) {
    Json json = sound();
    json["operations"][1].merge_patch(Json::parse(change));
    EXPECT_EQ(refusal(json), said) << change;
  }
}

TEST_F(GraphReader, RefusesNumbersOutOfRange) {
  for (const char* change : {R"({"stride":0})", R"({"stride":1e9})", R"({"pad":[0,-1,0,0]})",
                             R"({"groups":0})", R"({"shape":[5,3,3,70]})", R"({"shape":[5,3,0,3]})",
                             R"({"stride":"two"})", R"({"extra":1})"}) {
    Json json = sound();
    json["operations"][1].merge_patch(Json::parse(change));
    EXPECT_NE(refusal(json), "") << change;
  }
}

TEST_F(GraphReader, RefusesShapesThatDoNotMeet) {
  Json json = sound();
  json["operations"].push_back({{"op", "add"}, {"inputs", {"a", "b"}}, {"output", "c"}});
  EXPECT_EQ(refusal(json), "\"operations[2].inputs\" differ in shape: 3x8x8 and 5x4x4");
  json["operations"][2] = {{"op", "concat"}, {"inputs", {"a", "b"}}, {"output", "c"}};
  EXPECT_EQ(refusal(json), "\"operations[2].inputs\" differ in height or width: 3x8x8 and 5x4x4");
  json["operations"][2] = {{"op", "avg_pool2d"}, {"input", "b"}, {"output", "c"}, {"kernel", 3}};
  EXPECT_EQ(refusal(json), "\"operations[2].kernel\" does not divide the input, 5x4x4");
  json["operations"][2] = {
      {"op", "pixel_unshuffle"}, {"input", "b"}, {"output", "c"}, {"factor", 3}};
  EXPECT_EQ(refusal(json), "\"operations[2].factor\" does not divide the input, 5x4x4");
  json["operations"][2] = {{"op", "add"}, {"inputs", {"b"}}, {"output", "c"}};
  EXPECT_EQ(refusal(json), "\"operations[2].inputs\" must name at least two values");
}

TEST_F(GraphReader, FollowsShapesThroughEveryOperation) {
  Json json = sound();
  json["operations"].push_back(
      {{"op", "pixel_unshuffle"}, {"input", "a"}, {"output", "c"}, {"factor", 2}});
  json["operations"].push_back(
      {{"op", "avg_pool2d"}, {"input", "a"}, {"output", "d"}, {"kernel", 2}});
  json["operations"].push_back({{"op", "concat"}, {"inputs", {"b", "c", "d"}}, {"output", "e"}});
  json["operations"].push_back({{"op", "add"}, {"inputs", {"e", "e"}}, {"output", "f"}});
  json["output"] = "f";
  const Graph graph = read_graph(folder_.write("tower.json", json.dump()), 8, 5 + 12 + 3, 4);
  EXPECT_EQ(graph.steps.back().inputs, (std::vector<size_t>{5, 5}));
}

}  // namespace
}  // namespace m3
