#include "core/training_pictures.h"

namespace m3 {

TrainingPictures::~TrainingPictures() = default;

}  // namespace m3
