/** The camera as a stream of frames. */

export class Camera {
  private readonly video = Object.assign(document.createElement('video'), { muted: true, playsInline: true });
  private stream?: MediaStream;

  get isOn(): boolean {
    return this.stream !== undefined;
  }

  /** Ask for the camera. Throws a sentence when the visitor or the browser refuses. */
  async start(): Promise<void> {
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'user', width: { ideal: 640 } } });
    } catch (error) {
      throw new Error(`The camera cannot be used (${(error as Error).message}). Allow it, or upload a picture.`, { cause: error });
    }
    this.video.srcObject = this.stream;
    await this.video.play();
  }

  stop(): void {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = undefined;
    this.video.srcObject = null;
  }

  /** The current frame; close it after use. */
  frame(): Promise<ImageBitmap> {
    return createImageBitmap(this.video);
  }
}
