// Protects faces with LiteRT's C++ API. Not run here: see docs/on-device.md.
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "litert/cc/litert_compiled_model.h"
#include "litert/cc/litert_environment.h"
#include "litert/cc/litert_expected.h"
#include "litert/cc/litert_macros.h"

using Bytes = std::vector<uint8_t>;

// face: RGB bytes, three for each pixel of the model's size; code: a byte for each identity. On an error: send no picture.
// Gives RGB bytes, too; from a model with alpha four for each pixel, the head before grey and alpha.
litert::Expected<Bytes> Protect(litert::CompiledModel& anonymizer, const Bytes& face, const Bytes& code) {
  LITERT_ASSIGN_OR_RETURN(auto names, anonymizer.GetSignatureInputNames());
  LITERT_ASSIGN_OR_RETURN(auto inputs, anonymizer.CreateInputBuffers());
  LITERT_ASSIGN_OR_RETURN(auto outputs, anonymizer.CreateOutputBuffers());
  for (size_t i = 0; i < names.size(); ++i) {
    const Bytes& values = names[i] == "image" ? face : code;
    LITERT_RETURN_IF_ERROR(inputs[i].Write<uint8_t>(absl::MakeConstSpan(values)));
  }
  LITERT_RETURN_IF_ERROR(anonymizer.Run(inputs, outputs));
  LITERT_ASSIGN_OR_RETURN(size_t count, outputs[0].PackedSize());
  Bytes pixels(count);
  LITERT_RETURN_IF_ERROR(outputs[0].Read<uint8_t>(absl::MakeSpan(pixels)));
  return pixels;
}

litert::Expected<Bytes> Example(const Bytes& face, const Bytes& code) {
  LITERT_ASSIGN_OR_RETURN(auto environment, litert::Environment::Create({}));
  LITERT_ASSIGN_OR_RETURN(auto anonymizer,
                          litert::CompiledModel::Create(environment, "export/anonymizer_int8.tflite",
                                                        litert::HwAccelerators::kCpu));
  return Protect(anonymizer, face, code);
}
