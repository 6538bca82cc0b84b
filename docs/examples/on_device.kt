// Protects faces on Android with LiteRT's CompiledModel API. Not run here: see docs/on-device.md.
import android.content.Context
import android.graphics.Bitmap
import android.graphics.Color
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import java.security.SecureRandom
import org.json.JSONObject

class Anonymizer(context: Context) : AutoCloseable {
    private val record = JSONObject(context.assets.open("export.json").bufferedReader().use { it.readText() })
    private val size = record.getInt("image_size")
    private val identityCount = record.getJSONArray("identities").length()
    private val options = CompiledModel.Options(Accelerator.CPU)
        .apply { cpuOptions = CompiledModel.CpuOptions(numThreads = 1) }
    private val model = CompiledModel.create(context.assets, "anonymizer_int8.tflite", options)
    private val image = model.createInputBuffer("image")
    private val target = model.createInputBuffer("target")
    private val output = model.createOutputBuffer("protected")

    /** A face of size x size pixels becomes that of another identity. Whatever this throws: send no picture.
     *  Where the model gives alpha as fourth channel, the face is before grey. */
    fun protect(face: Bitmap, identity: Int = SecureRandom().nextInt(identityCount)): Bitmap {
        require(face.width == size && face.height == size) { "scale the face to ${size}x$size pixels first" }
        val pixels = IntArray(size * size).also { face.getPixels(it, 0, size, 0, 0, size, size) }
        image.writeInt8(ByteArray(3 * pixels.size) { (pixels[it / 3] shr (16 - 8 * (it % 3))).toByte() })
        target.writeInt8(ByteArray(identityCount) { if (it == identity) 255.toByte() else 0 })
        model.run(mapOf("image" to image, "target" to target), mapOf("protected" to output))
        val values = output.readInt8().map { it.toInt() and 255 }
        val channels = values.size / pixels.size
        val colors = IntArray(pixels.size) {
            Color.rgb(values[channels * it], values[channels * it + 1], values[channels * it + 2])
        }
        return Bitmap.createBitmap(colors, size, size, Bitmap.Config.ARGB_8888)
    }

    override fun close() = listOf<AutoCloseable>(image, target, output, model).forEach { it.close() }
}
