// Protects faces on iOS with LiteRT. Not run here: see docs/on-device.md.
import Foundation
import TensorFlowLite

final class Anonymizer {
  private struct Record: Decodable {
    let identities: [String]
  }

  private let runner: SignatureRunner
  private let identityCount: Int

  init(folder: URL) throws {
    let record = try Data(contentsOf: folder.appendingPathComponent("export.json"))
    identityCount = try JSONDecoder().decode(Record.self, from: record).identities.count
    var options = Interpreter.Options()
    options.threadCount = 1
    let path = folder.appendingPathComponent("anonymizer_int8.tflite").path
    runner = try Interpreter(modelPath: path, options: options).signatureRunner(with: "serving_default")
  }

  /// RGB bytes in and out, three for each pixel of the model's size; four come out of a model with alpha, the head
  /// before grey and alpha. Whatever this throws: send no picture.
  func protect(face: Data, identity: Int? = nil) throws -> Data {
    var code = Data(count: identityCount)
    code[identity ?? Int.random(in: 0..<identityCount)] = 255  // Swift's generator is the system's secure one.
    try runner.invoke(with: ["image": face, "target": code])
    return try runner.output(named: "protected").data
  }
}
